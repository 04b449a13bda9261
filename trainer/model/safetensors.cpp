#include "trainer/model/safetensors.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "db/files/content_hash.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

// Hashed and written in turn while still in the second cache.
constexpr std::size_t kPieceBytes = std::size_t{1} << 18;
// Else tens of gigabytes wait in memory for the sync at the end, and other ranks for it.
constexpr std::size_t kMostUnsyncedBytes = std::size_t{1} << 28;

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
      unsynced_ += static_cast<std::size_t>(count);
      if (unsynced_ >= kMostUnsyncedBytes) sync();
    }
  }

  // Some file systems report a full disk only at the close.
  std::string close() {
    if (::close(std::exchange(descriptor_, -1)) != 0) failed();
    return hash_.digits();
  }

 private:
  void sync() {
    if (::fdatasync(descriptor_) != 0) failed();
    unsynced_ = 0;
  }
  [[noreturn]] void failed() const {
    fail(file_, fmt::format("writing failed: {}", std::strerror(errno)));
  }

  fs::path file_;
  int descriptor_;
  std::size_t unsynced_ = 0;
  db::Sha256 hash_;
};

}  // namespace

std::string stream_safetensors(const fs::path& file, const std::vector<WrittenTensor>& tensors) {
  std::vector<NamedTensor> named;
  for (const WrittenTensor& tensor : tensors) named.push_back({tensor.name, tensor.shape});
  const std::string head = safetensors_head(named);
  HashedFile out(file);
  out.write(head.data(), head.size());
  for (const WrittenTensor& tensor : tensors) {
    // A view of whole rows on the CPU is written from where it lies.
    const at::Tensor plain = tensor.numbers().to(at::kCPU).contiguous();
    out.write(plain.const_data_ptr(), plain.nbytes());
  }
  return out.close();
}

SafetensorsFile::SafetensorsFile(fs::path file) : file_(std::move(file)) {
  try {
    entries_ = tensors_in_file(file_);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(error.what());
  }
  for (const auto& [name, entry] : entries_) {
    if (entry.type != "F32")
      fail(file_, fmt::format("{:.80}: numbers of type {}; F32 was expected", name, entry.type));
  }
}

at::Tensor SafetensorsFile::read(const std::string& name) const {
  const auto at = entries_.find(name);
  if (at == entries_.end()) fail(file_, name + " is missing");
  const StoredTensor& entry = at->second;
  at::Tensor tensor = at::empty(entry.shape, at::kFloat);
  std::ifstream input(file_, std::ios::binary);
  input.seekg(static_cast<std::streamoff>(entry.offset));
  input.read(static_cast<char*>(tensor.mutable_data_ptr()),
             static_cast<std::streamsize>(tensor.nbytes()));
  if (!input) fail(file_, "is cut off");
  return tensor;
}

}  // namespace crosslaw::trainer
