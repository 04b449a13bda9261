#include "trainer/model/safetensors.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr uint64_t kLargestHeader = 100'000'000;  // the format's own bound
constexpr std::size_t kHeaderAlignment = 8;       // so that mapped data are aligned

[[noreturn]] void fail(const fs::path& file, const std::string& reason) {
  throw std::runtime_error(fmt::format("{}: {}", file.string(), reason));
}

at::Tensor read_tensor(std::ifstream& input, const json& entry, uint64_t data_start,
                       uint64_t data_bytes, const fs::path& file) {
  if (entry.at("dtype") != "F32")
    fail(file,
         fmt::format("tensor type {} (F32 was expected)", entry.at("dtype").get<std::string>()));
  std::vector<int64_t> shape = entry.at("shape");
  auto begin = entry.at("data_offsets").at(0).get<uint64_t>(),
       end = entry.at("data_offsets").at(1).get<uint64_t>();
  // Offsets come from a file that anybody may have written: checked before they are used.
  if (begin > end || end > data_bytes) fail(file, "a tensor lies outside the file");
  // Checked before memory is asked for; a product beyond 64 bits fits no file.
  uint64_t bytes = sizeof(float);
  bool possible = true;
  for (int64_t size : shape)
    possible = possible && size >= 0 &&
               !__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes);
  if (!possible || bytes != end - begin) fail(file, "a tensor's size does not match its shape");
  at::Tensor tensor = at::empty(shape, at::kFloat);
  input.seekg(static_cast<std::streamoff>(data_start + begin));
  input.read(static_cast<char*>(tensor.mutable_data_ptr()),
             static_cast<std::streamsize>(end - begin));
  if (!input) fail(file, "is cut off");
  return tensor;
}

}  // namespace

void write_safetensors(const fs::path& file, const std::map<std::string, at::Tensor>& tensors) {
  // The "format" entry is what Hugging Face's loader looks for.
  json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    uint64_t end = offset + tensor.nbytes();
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((kHeaderAlignment - text.size() % kHeaderAlignment) % kHeaderAlignment, ' ');
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  uint64_t length = text.size();
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const auto& [name, tensor] : tensors) {
    at::Tensor plain = tensor.contiguous();
    out.write(static_cast<const char*>(plain.const_data_ptr()),
              static_cast<std::streamsize>(plain.nbytes()));
  }
  // Closed before it is asked: buffered bytes may fail only now.
  out.close();
  if (!out) fail(file, fmt::format("writing failed: {}", std::strerror(errno)));
}

std::map<std::string, at::Tensor> read_safetensors(const fs::path& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) fail(file, "cannot be read");
  uint64_t size = fs::file_size(file), length = 0;
  input.read(reinterpret_cast<char*>(&length), sizeof length);
  if (!input || length > kLargestHeader || length + sizeof length > size)
    fail(file, "is no safetensors file, or cut off");
  // Only now, with a length that the file can hold: a damaged one must not ask for an exabyte.
  std::string text(length, '\0');
  input.read(text.data(), static_cast<std::streamsize>(length));
  std::map<std::string, at::Tensor> tensors;
  try {
    json header = json::parse(text);
    if (!header.is_object()) fail(file, "its header is no JSON object");
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      tensors[name] =
          read_tensor(input, entry, sizeof length + length, size - sizeof length - length, file);
    }
  } catch (const json::exception& error) {
    fail(file, error.what());
  }
  return tensors;
}

}  // namespace crosslaw::trainer
