#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// The safetensors format: 8 bytes of little-endian header length, a JSON header that says where
// each tensor lies, the data.

// Where a tensor lies. `type` is F32, F16 or BF16.
struct StoredTensor {
  std::filesystem::path file;
  std::string type;
  std::vector<int64_t> shape;
  uint64_t offset = 0;  // from the beginning of the file
  uint64_t count = 0;   // numbers
};

// The tensors of one file. Throws std::invalid_argument naming the file, and the tensor, for what
// is no safetensors file: a header that is cut off, shapes that are negative or overflow, data
// outside the file, overlapping or of another size than their shape, a type that is no floating
// point one.
std::map<std::string, StoredTensor> tensors_in_file(const std::filesystem::path& file);

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
};

// Length and header of fp32 tensors whose data follow one another; its length is a multiple of 8.
std::string safetensors_head(const std::vector<NamedTensor>& tensors);

}  // namespace crosslaw::trainer
