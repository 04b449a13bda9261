#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

namespace crosslaw::trainer {

// Whether an exception says that memory was refused: by CUDA's allocator, by LibTorch's on the CPU
// (whose error has no type of its own) or by operator new.
bool is_out_of_memory(const std::exception& error);

// Its message without the stack that LibTorch appends.
std::string plain_message(const std::exception& error);

// The next smaller divisor that is at most half of `current`; nothing below 1.
std::optional<int64_t> halved_divisor(int64_t sequences, int64_t current);

}  // namespace crosslaw::trainer
