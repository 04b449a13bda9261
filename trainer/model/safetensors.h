#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trainer/recipe/safetensors_head.h"

namespace crosslaw::trainer {

// The numbers of safetensors files (safetensors_head.h) as tensors, fp32. All throw
// std::runtime_error naming the file and what is wrong with it.

// A tensor whose numbers are asked for when their turn comes, and let go when they are written.
struct WrittenTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::function<at::Tensor()> numbers;  // fp32, on whatever device
};

// Writes the tensors one after another, in this order: no more than one of them is held. Returns
// the file's SHA-256, taken while writing. Not synced.
std::string stream_safetensors(const std::filesystem::path& file,
                               const std::vector<WrittenTensor>& tensors);

// A file whose header was read and found right: every tensor lies in the file, has a size that
// fits its shape, and no two share a byte. Data are read on demand.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::filesystem::path file);

  const std::map<std::string, StoredTensor>& entries() const { return entries_; }

  // On the CPU. Throws also when there is no such tensor.
  at::Tensor read(const std::string& name) const;

 private:
  std::filesystem::path file_;
  std::map<std::string, StoredTensor> entries_;
};

}  // namespace crosslaw::trainer
