#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// Files of tokens that other trainers made, taken as they are, separators included:
//   llm.c      256 int32 of header: 20240520, version 1, count, then uint16 tokens; or 20240801,
//              version 7, count, then uint32 tokens
//   Megatron   a .bin with its .idx beside it: "MMIDIDX\0\0", u64 1, u8 type, u64 sequences, u64
//              documents, then int32 lengths, int64 byte offsets and int64 document bounds
//   nanoGPT    nothing but uint16 tokens
// All are little-endian. Which one a .bin is shows in its first bytes and in the file beside it.
struct TokenFile {
  std::filesystem::path file;
  std::string format;       // "llm.c", "Megatron" or "nanoGPT"
  int64_t first_byte = 0;   // of the tokens
  int64_t token_bytes = 0;  // 1, 2, 4 or 8
  bool is_signed = false;
  int64_t tokens = 0;
  int64_t documents = 1;  // as far as the format knows
};

bool is_token_file(const std::filesystem::path& file);  // by its ending, .bin

// Reads the headers. Throws std::invalid_argument naming the file when its size, header and index
// do not agree to the byte.
TokenFile open_token_file(const std::filesystem::path& file);

// All tokens in order, in pieces. `on_tokens` returns false to stop. Throws std::invalid_argument
// naming file and place for a token outside [0, vocabulary).
void read_tokens(const TokenFile& file, int64_t vocabulary,
                 const std::function<bool(const std::vector<int32_t>& tokens)>& on_tokens);

}  // namespace crosslaw::trainer
