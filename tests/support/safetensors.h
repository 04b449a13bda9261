#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "trainer/model/safetensors.h"

namespace crosslaw::tests {

using Tensors = std::map<std::string, at::Tensor>;

// A whole file at once, where the trainer writes and reads one tensor after another; the same
// errors. Returns the file's SHA-256.
inline std::string write_safetensors(const std::filesystem::path& file, const Tensors& tensors) {
  std::vector<trainer::WrittenTensor> written;
  for (const auto& each : tensors)
    written.push_back(
        {each.first, each.second.sizes().vec(), [tensor = each.second] { return tensor; }});
  return trainer::stream_safetensors(file, written);
}

inline Tensors read_safetensors(const std::filesystem::path& file) {
  const trainer::SafetensorsFile source(file);
  Tensors tensors;
  for (const auto& [name, entry] : source.entries()) tensors[name] = source.read(name);
  return tensors;
}

}  // namespace crosslaw::tests
