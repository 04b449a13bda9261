#include "trainer/interchange/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr size_t kNumbersAtOnce = size_t{1} << 20;
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

[[noreturn]] void refuse_file(const fs::path& file, const std::string& reason) {
  throw std::invalid_argument(fmt::format("{}: {}", file.string(), reason));
}

float number_of(uint16_t bits, bool bf16) {
  if (bf16) return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  // IEEE 754 half: 1 sign, 5 exponent (bias 15), 10 fraction bits.
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  // Subnormal halves are ordinary floats: fraction * 2^-24.
  return sign * std::ldexp(static_cast<float>(exponent ? fraction + 1024 : fraction),
                           std::max(exponent, 1) - 25);
}

std::string name_in_folder(const json& name, const fs::path& index) {
  if (!name.is_string() ||
      fs::path(name.get<std::string>()).filename() != name.get<std::string>() ||
      name.get<std::string>().empty() || name == "..")
    refuse_file(index,
                fmt::format("{:.80}: the name of a file beside it was expected", name.dump()));
  return name;
}

}  // namespace

std::map<std::string, StoredTensor> tensors_in_folder(const fs::path& folder) {
  const fs::path index = folder / kIndexFile;
  if (!fs::exists(index)) {
    if (fs::exists(folder / kSingleFile)) return tensors_in_file(folder / kSingleFile);
    const bool pickled = fs::exists(folder / "pytorch_model.bin") ||
                         fs::exists(folder / "pytorch_model.bin.index.json");
    refuse_file(folder,
                pickled
                    ? "holds its weights as pickled Python objects, which may run programs when "
                      "they are read; convert them once: python3 -c \"from transformers import "
                      "AutoModelForCausalLM as M; M.from_pretrained('.').save_pretrained('out')\""
                    : fmt::format("holds neither {} nor {}", kSingleFile, kIndexFile));
  }
  std::ifstream input(index);
  json content = json::parse(input, nullptr, false);
  if (!content.is_object() || !content.value("weight_map", json()).is_object())
    refuse_file(index, "is damaged: it maps no weights to files");
  std::map<std::string, std::map<std::string, StoredTensor>> shards;
  std::map<std::string, StoredTensor> tensors;
  for (const auto& [name, where] : content["weight_map"].items()) {
    std::string file = name_in_folder(where, index);
    if (!shards.contains(file)) shards[file] = tensors_in_file(folder / file);
    auto found = shards[file].find(name);
    if (found == shards[file].end())
      refuse_file(folder / file,
                  fmt::format("{:.80} is missing, which {} looks for here", name, kIndexFile));
    tensors[name] = found->second;
  }
  return tensors;
}

void read_numbers(const std::string& name, const StoredTensor& tensor,
                  const std::function<void(const std::vector<float>& piece)>& on_piece) {
  std::ifstream input(tensor.file, std::ios::binary);
  input.seekg(static_cast<std::streamoff>(tensor.offset));
  std::vector<float> piece;
  std::vector<uint16_t> halves;
  const bool wide = tensor.type == "F32", bf16 = tensor.type == "BF16";
  for (uint64_t done = 0; done < tensor.count; done += piece.size()) {
    const size_t count =
        static_cast<size_t>(std::min<uint64_t>(kNumbersAtOnce, tensor.count - done));
    piece.resize(count);
    halves.resize(wide ? 0 : count);
    input.read(
        wide ? reinterpret_cast<char*>(piece.data()) : reinterpret_cast<char*>(halves.data()),
        static_cast<std::streamsize>(count * (wide ? 4 : 2)));
    if (!input) refuse_file(tensor.file, fmt::format("{:.80}: is cut off", name));
    for (size_t i = 0; i < halves.size(); ++i) piece[i] = number_of(halves[i], bf16);
    for (size_t i = 0; i < count; ++i) {
      if (!std::isfinite(piece[i]))
        refuse_file(tensor.file, fmt::format("{:.80}: number {} is not finite", name, done + i));
    }
    on_piece(piece);
  }
}

void write_tensor_file(
    const fs::path& file, const std::vector<NamedTensor>& tensors,
    const std::function<void(const NamedTensor&, const NumberSink&)>& numbers_of) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << safetensors_head(tensors);
  for (const NamedTensor& tensor : tensors) {
    numbers_of(tensor, [&](const std::vector<float>& piece) {
      out.write(reinterpret_cast<const char*>(piece.data()),
                static_cast<std::streamsize>(piece.size() * sizeof(float)));
    });
  }
  // Closed before it is asked: buffered bytes may fail only now.
  out.close();
  if (!out)
    throw std::runtime_error(
        fmt::format("{}: writing failed: {}", file.string(), std::strerror(errno)));
}

}  // namespace crosslaw::trainer
