#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// The safetensors format: 8 bytes of little-endian header length, a JSON header, the data.
// Tensors are fp32. All throw std::runtime_error naming the file and what is wrong with it.

// Writes the tensors one after another: of one on the GPU no more than a copy of itself is held.
// Returns the file's SHA-256, taken while writing. Not synced.
std::string write_safetensors(const std::filesystem::path& file,
                              const std::map<std::string, at::Tensor>& tensors);

// A file whose header was read and found right: every tensor lies in the file, has a size that
// fits its shape, and no two share a byte. Data are read on demand.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::filesystem::path file);

  struct Entry {
    std::vector<int64_t> shape;
    uint64_t begin = 0;  // byte in the file
    uint64_t bytes = 0;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

  // On the CPU. Throws also when there is no such tensor.
  at::Tensor read(const std::string& name) const;

 private:
  std::filesystem::path file_;
  std::map<std::string, Entry> entries_;
};

std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& file);

}  // namespace crosslaw::trainer
