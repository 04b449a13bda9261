#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trainer/interchange/llama_config.h"

namespace crosslaw::trainer {

// Where a tensor lies in a safetensors file: 8 bytes of little-endian header length, a JSON header,
// the data. `type` is F32, F16 or BF16.
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

// Those of a model's folder: model.safetensors, or the shards that model.safetensors.index.json
// names, each of which must hold what the index says.
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
