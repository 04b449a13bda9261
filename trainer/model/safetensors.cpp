#include "trainer/model/safetensors.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "db/files/content_hash.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr uint64_t kLargestHeader = 100'000'000;  // the format's own bound
constexpr std::size_t kHeaderAlignment = 8;       // so that mapped data are aligned
// Hashed and written in turn while still in the second cache.
constexpr std::size_t kPieceBytes = std::size_t{1} << 18;

[[noreturn]] void fail(const fs::path& file, const std::string& reason) {
  throw std::runtime_error(fmt::format("{}: {}", file.string(), reason));
}

// A file that is hashed while it is written.
class HashedFile {
 public:
  explicit HashedFile(fs::path file)
      : file_(std::move(file)),
        descriptor_(::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) failed();
  }
  ~HashedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  HashedFile(const HashedFile&) = delete;
  HashedFile& operator=(const HashedFile&) = delete;

  void write(const void* data, std::size_t bytes) {
    const char* at = static_cast<const char*>(data);
    for (const char* end = at + bytes; at < end;) {
      const std::size_t piece = std::min(kPieceBytes, static_cast<std::size_t>(end - at));
      const ssize_t count = ::write(descriptor_, at, piece);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) failed();
      hash_.add(at, static_cast<std::size_t>(count));
      at += count;
    }
  }

  // Some file systems report a full disk only at the close.
  std::string close() {
    if (::close(std::exchange(descriptor_, -1)) != 0) failed();
    return hash_.digits();
  }

 private:
  [[noreturn]] void failed() const {
    fail(file_, fmt::format("writing failed: {}", std::strerror(errno)));
  }

  fs::path file_;
  int descriptor_;
  db::Sha256 hash_;
};

SafetensorsFile::Entry entry_of(const json& j, uint64_t data_start, uint64_t data_bytes,
                                const fs::path& file) {
  if (j.at("dtype") != "F32")
    fail(file, fmt::format("tensor type {} (F32 was expected)", j.at("dtype").get<std::string>()));
  SafetensorsFile::Entry entry;
  // Looping over a lone number would take it for an array of one.
  if (!j.at("shape").is_array() || !j.at("data_offsets").is_array())
    fail(file, "a tensor's shape or offsets are no arrays");
  // Whole numbers alone: the library would round 1.5 and wrap what is beyond 64 bits.
  for (const json& size : j.at("shape")) {
    if (!size.is_number_integer() || (size.is_number_unsigned() && size.get<uint64_t>() >> 63))
      fail(file, "a tensor's shape holds something else than whole numbers");
    entry.shape.push_back(size.get<int64_t>());
  }
  for (const json& offset : j.at("data_offsets")) {
    if (!offset.is_number_unsigned()) fail(file, "a tensor's offsets are no whole numbers");
  }
  const auto begin = j.at("data_offsets").at(0).get<uint64_t>(),
             end = j.at("data_offsets").at(1).get<uint64_t>();
  // Offsets come from a file that anybody may have written: checked before they are used.
  if (begin > end || end > data_bytes) fail(file, "a tensor lies outside the file");
  // Checked before memory is asked for; a product beyond 64 bits fits no file.
  uint64_t bytes = sizeof(float);
  bool possible = true;
  for (const int64_t size : entry.shape) {
    possible = possible && size >= 0 &&
               !__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes);
  }
  if (!possible || bytes != end - begin) fail(file, "a tensor's size does not match its shape");
  entry.begin = data_start + begin, entry.bytes = bytes;
  return entry;
}

// The format allows no byte to belong to two tensors, and a reader that believes one that does
// would load the same numbers twice.
void require_apart(const std::map<std::string, SafetensorsFile::Entry>& entries,
                   const fs::path& file) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& [name, entry] : entries)
    ranges.emplace_back(entry.begin, entry.begin + entry.bytes);
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) fail(file, "two tensors share bytes");
  }
}

}  // namespace

std::string write_safetensors(const fs::path& file,
                              const std::map<std::string, at::Tensor>& tensors) {
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
  HashedFile out(file);
  const uint64_t length = text.size();
  out.write(&length, sizeof length);
  out.write(text.data(), text.size());
  for (const auto& [name, tensor] : tensors) {
    // A view of whole rows on the CPU is written from where it lies.
    const at::Tensor plain = tensor.to(at::kCPU).contiguous();
    out.write(plain.const_data_ptr(), plain.nbytes());
  }
  return out.close();
}

SafetensorsFile::SafetensorsFile(fs::path file) : file_(std::move(file)) {
  std::ifstream input(file_, std::ios::binary);
  if (!input) fail(file_, "cannot be read");
  uint64_t size = fs::file_size(file_), length = 0;
  input.read(reinterpret_cast<char*>(&length), sizeof length);
  if (!input || length > kLargestHeader || length + sizeof length > size)
    fail(file_, "is no safetensors file, or cut off");
  // Only now, with a length that the file can hold: a damaged one must not ask for an exabyte.
  std::string text(length, '\0');
  input.read(text.data(), static_cast<std::streamsize>(length));
  const uint64_t data_start = sizeof length + length;
  try {
    const json header = json::parse(text);
    if (!header.is_object()) fail(file_, "its header is no JSON object");
    for (const auto& [name, entry] : header.items()) {
      if (name != "__metadata__")
        entries_[name] = entry_of(entry, data_start, size - data_start, file_);
    }
  } catch (const json::exception& error) {
    fail(file_, error.what());
  }
  require_apart(entries_, file_);
}

at::Tensor SafetensorsFile::read(const std::string& name) const {
  const auto at = entries_.find(name);
  if (at == entries_.end()) fail(file_, name + " is missing");
  const Entry& entry = at->second;
  at::Tensor tensor = at::empty(entry.shape, at::kFloat);
  std::ifstream input(file_, std::ios::binary);
  input.seekg(static_cast<std::streamoff>(entry.begin));
  input.read(static_cast<char*>(tensor.mutable_data_ptr()),
             static_cast<std::streamsize>(entry.bytes));
  if (!input) fail(file_, "is cut off");
  return tensor;
}

std::map<std::string, at::Tensor> read_safetensors(const fs::path& file) {
  const SafetensorsFile source(file);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, entry] : source.entries()) tensors[name] = source.read(name);
  return tensors;
}

}  // namespace crosslaw::trainer
