#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trainer/recipe/safetensors_head.h"

namespace crosslaw::trainer {

// The tensors of a model's folder: model.safetensors, or the shards that
// model.safetensors.index.json names, each of which must hold what the index says. Throws as
// tensors_in_file().
std::map<std::string, StoredTensor> tensors_in_folder(const std::filesystem::path& folder);

// The numbers of a tensor in fp32, in pieces from the first to the last. Throws like the above when
// the file is cut off, and for a number that is not finite.
void read_numbers(const std::string& name, const StoredTensor& tensor,
                  const std::function<void(const std::vector<float>& piece)>& on_piece);

// Writes fp32 tensors in the order given: `numbers_of(tensor, out)` hands out each one's numbers in
// pieces. Throws std::runtime_error on a failed write.
using NumberSink = std::function<void(const std::vector<float>& piece)>;
void write_tensor_file(
    const std::filesystem::path& file, const std::vector<NamedTensor>& tensors,
    const std::function<void(const NamedTensor&, const NumberSink&)>& numbers_of);

}  // namespace crosslaw::trainer
