#include "trainer/recipe/safetensors_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
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
  const uint64_t bytes = bytes_of_type(tensor.type, name, file);
  // Looping over a lone number would take it for an array of one.
  if (!entry.at("shape").is_array())
    refuse_file(file, fmt::format("{:.80}: its shape is no array", name));
  uint64_t largest = bytes;
  for (const json& size : entry.at("shape")) {
    if (!size.is_number_unsigned() && !(size.is_number_integer() && size.get<int64_t>() >= 0))
      refuse_file(file, fmt::format("{:.80}: its shape holds {:.20}", name, size.dump()));
    auto length = size.get<uint64_t>();
    // A product beyond 63 bits fits no file, and a zero among the others mends nothing.
    if (__builtin_mul_overflow(largest, std::max<uint64_t>(length, 1), &largest) ||
        largest > INT64_MAX)
      refuse_file(file, fmt::format("{:.80}: its shape is larger than any file", name));
    tensor.count *= length;
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
  if (bytes * tensor.count != end - begin)
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

std::string safetensors_head(const std::vector<NamedTensor>& tensors) {
  // The "format" entry is what Hugging Face's loader looks for.
  json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    uint64_t bytes = sizeof(float);
    for (int64_t size : tensor.shape) bytes *= static_cast<uint64_t>(size);
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.append((kHeaderAlignment - text.size() % kHeaderAlignment) % kHeaderAlignment, ' ');
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

}  // namespace crosslaw::trainer
