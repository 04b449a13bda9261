#include "trainer/corpus/token_shard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "db/files/atomic_file.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

constexpr size_t kHeaderBytes = 64;
constexpr std::array<char, 8> kMagic = {'C', 'L', 'T', 'O', 'K', 'E', 'N', 'S'};
constexpr uint32_t kVersion = 1;

// The file is this header and the tokens, both little-endian: a reader maps it and copies windows.
struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t token_bytes;
  uint64_t vocabulary;
  uint64_t tokens;
  uint64_t text_bytes;
  std::array<char, 24> unused;
};
static_assert(sizeof(Header) == kHeaderBytes);

// Two bytes reach up to token 65535, enough for most vocabularies, and halve what is read.
int bytes_per_token(int64_t vocabulary) { return vocabulary <= 65536 ? 2 : 4; }

[[noreturn]] void fail_shard(const fs::path& file, const std::string& reason) {
  throw UnusableShard(fmt::format("{}: {}", file.string(), reason));
}

[[noreturn]] void fail_write(const fs::path& file, const char* what) {
  throw std::runtime_error(fmt::format("{}: {}: {}", file.string(), what, std::strerror(errno)));
}

}  // namespace

TokenShardWriter::TokenShardWriter(fs::path file, int64_t vocabulary)
    : file_(std::move(file)),
      staged_(db::cleared_staging_path(file_)),
      out_(staged_, std::ios::binary | std::ios::trunc) {
  info_.vocabulary = vocabulary;
  // Room for the header, which is known at the end. Without its magic the file is no shard.
  Header header{};
  out_.write(reinterpret_cast<const char*>(&header), sizeof header);
  if (!out_) fail_write(staged_, "cannot be written");
}

TokenShardWriter::~TokenShardWriter() {
  std::error_code ignored;
  if (!finished_) fs::remove(staged_, ignored);
}

void TokenShardWriter::append(const std::vector<int32_t>& tokens) {
  if (bytes_per_token(info_.vocabulary) == 2) {
    std::vector<uint16_t> narrow(tokens.begin(), tokens.end());
    out_.write(reinterpret_cast<const char*>(narrow.data()),
               static_cast<std::streamsize>(narrow.size() * 2));
  } else {
    out_.write(reinterpret_cast<const char*>(tokens.data()),
               static_cast<std::streamsize>(tokens.size() * 4));
  }
  if (!out_) fail_write(staged_, "writing failed");
  info_.tokens += static_cast<int64_t>(tokens.size());
}

void TokenShardWriter::finish(int64_t text_bytes) {
  info_.text_bytes = text_bytes;
  Header header{kMagic,
                kVersion,
                static_cast<uint32_t>(bytes_per_token(info_.vocabulary)),
                static_cast<uint64_t>(info_.vocabulary),
                static_cast<uint64_t>(info_.tokens),
                static_cast<uint64_t>(text_bytes),
                {}};
  out_.seekp(0);
  out_.write(reinterpret_cast<const char*>(&header), sizeof header);
  out_.close();
  if (!out_) fail_write(staged_, "writing failed");
  db::publish_staged(staged_, file_);
  finished_ = true;
}

TokenShard::TokenShard(const fs::path& file) : file_(file) {
  int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_shard(file, fmt::format("cannot be read: {}", std::strerror(errno)));
  struct stat status {};
  Header header{};
  bool whole = ::fstat(descriptor, &status) == 0 &&
               ::pread(descriptor, &header, sizeof header, 0) == sizeof header;
  if (!whole || header.magic != kMagic) {
    ::close(descriptor);
    fail_shard(file, "is not a crosslaw token shard");
  }
  if (header.version != kVersion) {
    ::close(descriptor);
    fail_shard(file, fmt::format("token shard version {}, this crosslaw reads version {}",
                                 header.version, kVersion));
  }
  auto file_bytes = static_cast<size_t>(status.st_size);
  // A damaged count must not overflow the product below.
  bool possible = header.tokens <= file_bytes;
  mapped_bytes_ = possible ? kHeaderBytes + header.tokens * header.token_bytes : 0;
  if ((header.token_bytes != 2 && header.token_bytes != 4) || file_bytes != mapped_bytes_) {
    ::close(descriptor);
    fail_shard(file, fmt::format("is damaged: {} bytes, its header promises {}", status.st_size,
                                 mapped_bytes_));
  }
  // Mapped, not read: runs on one machine share the pages, and a run touches only its windows. The
  // mapping outlives the descriptor.
  void* mapped = ::mmap(nullptr, mapped_bytes_, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (mapped == MAP_FAILED)
    fail_shard(file, fmt::format("cannot be mapped: {}", std::strerror(errno)));
  mapped_ = static_cast<const unsigned char*>(mapped);
  token_bytes_ = static_cast<int>(header.token_bytes);
  info_ = {static_cast<int64_t>(header.tokens), static_cast<int64_t>(header.vocabulary),
           static_cast<int64_t>(header.text_bytes)};
}

TokenShard::TokenShard(TokenShard&& other) noexcept
    : file_(std::move(other.file_)),
      info_(other.info_),
      mapped_(std::exchange(other.mapped_, nullptr)),
      mapped_bytes_(other.mapped_bytes_),
      token_bytes_(other.token_bytes_) {}

TokenShard::~TokenShard() {
  if (mapped_) ::munmap(const_cast<unsigned char*>(mapped_), mapped_bytes_);
}

void TokenShard::copy(int64_t first, int64_t count, int64_t* into) const {
  assert(first >= 0 && count >= 0 && first + count <= info_.tokens);
  const unsigned char* at =
      mapped_ + kHeaderBytes + static_cast<size_t>(first) * static_cast<size_t>(token_bytes_);
  for (int64_t i = 0; i < count; ++i, at += token_bytes_) {
    uint32_t token = 0;
    std::memcpy(&token, at, static_cast<size_t>(token_bytes_));
    // The kernels index by tokens unchecked.
    if (token >= info_.vocabulary)
      fail_shard(file_, fmt::format("is damaged: token {} at {} is outside the vocabulary of {}",
                                    token, first + i, info_.vocabulary));
    into[i] = token;
  }
}

}  // namespace crosslaw::trainer
