#include "trainer/interchange/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr uint64_t kLargestHeaderBytes = 100'000'000;  // the format's own bound
constexpr size_t kHeaderAlignment = 8;                 // so that mapped data are aligned
constexpr size_t kNumbersAtOnce = size_t{1} << 20;
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

[[noreturn]] void refuse_file(const fs::path& file, const std::string& reason) {
  throw std::invalid_argument(fmt::format("{}: {}", file.string(), reason));
}

uint64_t bytes_of_type(const std::string& type, const std::string& name, const fs::path& file) {
  if (type == "F32") return 4;
  if (type == "F16" || type == "BF16") return 2;
  refuse_file(file, fmt::format("{:.80}: numbers of type {:.20}; F32, F16 or BF16 was expected",
                                name, type));
}

StoredTensor stored_tensor(const std::string& name, const json& entry, uint64_t data_start,
                           uint64_t data_bytes, const fs::path& file) {
  StoredTensor tensor{file, entry.at("dtype").get<std::string>(), {}, 0, 1};
  uint64_t bytes = bytes_of_type(tensor.type, name, file);
  for (const json& size : entry.at("shape")) {
    if (!size.is_number_unsigned() && !(size.is_number_integer() && size.get<int64_t>() >= 0))
      refuse_file(file, fmt::format("{:.80}: its shape holds {:.20}", name, size.dump()));
    auto length = size.get<uint64_t>();
    // A product beyond 64 bits fits no file.
    if (length > INT64_MAX || __builtin_mul_overflow(tensor.count, length, &tensor.count))
      refuse_file(file, fmt::format("{:.80}: its shape is larger than any file", name));
    tensor.shape.push_back(static_cast<int64_t>(length));
  }
  const json& offsets = entry.at("data_offsets");
  auto offset = [&](size_t i) {
    if (!offsets.at(i).is_number_unsigned())
      refuse_file(file, fmt::format("{:.80}: its data_offsets are no numbers", name));
    return offsets.at(i).get<uint64_t>();
  };
  uint64_t begin = offset(0), end = offset(1);
  if (begin > end || end > data_bytes)
    refuse_file(file,
                fmt::format("{:.80}: lies outside the file, which is damaged or cut off", name));
  if (__builtin_mul_overflow(bytes, tensor.count, &bytes) || bytes != end - begin)
    refuse_file(file, fmt::format("{:.80}: its size does not match its shape", name));
  tensor.offset = data_start + begin;
  return tensor;
}

void refuse_overlaps(const std::map<std::string, StoredTensor>& tensors, const fs::path& file) {
  std::map<uint64_t, std::pair<uint64_t, std::string>> ends;  // by beginning
  for (const auto& [name, tensor] : tensors) {
    uint64_t bytes = tensor.count * bytes_of_type(tensor.type, name, file);
    if (bytes == 0) continue;
    if (!ends.emplace(tensor.offset, std::pair{tensor.offset + bytes, name}).second)
      refuse_file(file, fmt::format("{:.80}: shares its bytes with another tensor", name));
  }
  uint64_t end = 0;
  for (const auto& [begin, tensor] : ends) {
    if (begin < end)
      refuse_file(file, fmt::format("{:.80}: shares its bytes with another tensor", tensor.second));
    end = tensor.first;
  }
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

std::map<std::string, StoredTensor> tensors_in_file(const fs::path& file) {
  std::error_code error;
  const uint64_t size = fs::is_regular_file(file, error) ? fs::file_size(file, error) : 0;
  std::ifstream input(file, std::ios::binary);
  if (error || !input) refuse_file(file, "cannot be read");
  uint64_t length = 0;
  input.read(reinterpret_cast<char*>(&length), sizeof length);
  if (!input || length > kLargestHeaderBytes || length + sizeof length > size)
    refuse_file(file, "is no safetensors file, or cut off");
  std::string text(length, '\0');
  input.read(text.data(), static_cast<std::streamsize>(length));
  if (!input) refuse_file(file, "is cut off");
  // Parsing keeps the last of two equal names in silence; the format forbids them.
  std::set<std::string> names;
  std::string twice;
  json header = json::parse(
      text,
      [&](int depth, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::key && depth == 1 &&
            !names.insert(parsed.get<std::string>()).second)
          twice = parsed.get<std::string>();
        return true;
      },
      false);
  if (!header.is_object()) refuse_file(file, "its header is no JSON object");
  if (!twice.empty()) refuse_file(file, fmt::format("{:.80}: is there twice", twice));
  std::map<std::string, StoredTensor> tensors;
  try {
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      tensors[name] =
          stored_tensor(name, entry, sizeof length + length, size - sizeof length - length, file);
    }
  } catch (const json::exception& broken) {
    refuse_file(file, fmt::format("its header is damaged: {}", broken.what()));
  }
  refuse_overlaps(tensors, file);
  return tensors;
}

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
  // The "format" entry is what Hugging Face's loader looks for.
  json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    uint64_t end = offset + sizeof(float);
    for (int64_t size : tensor.shape) end = offset + (end - offset) * static_cast<uint64_t>(size);
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((kHeaderAlignment - text.size() % kHeaderAlignment) % kHeaderAlignment, ' ');
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  uint64_t length = text.size();
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
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
