#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace crosslaw::trainer {

// The safetensors format: 8 bytes of little-endian header length, a JSON header, the data.
// Tensors are fp32 on the CPU. Both throw std::runtime_error naming the file and what is wrong with
// it.
void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, at::Tensor>& tensors);
std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& file);

}  // namespace crosslaw::trainer
