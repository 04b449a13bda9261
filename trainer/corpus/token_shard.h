#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// A file of tokens: a header of 64 bytes (magic, version, bytes per token, vocabulary, number of
// tokens, bytes of text), then the tokens as little-endian 16-bit or 32-bit numbers.

// A shard that cannot be read, or is not what it should be. Names the file, and the place in it
// where there is one.
struct UnusableShard : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct TokenShardInfo {
  int64_t tokens = 0;
  int64_t vocabulary = 0;
  int64_t text_bytes = 0;  // of all tokens but the first, which is never predicted
};

// Writes beside `file` and publishes it in finish(). Throws std::runtime_error on any failed write.
class TokenShardWriter {
 public:
  TokenShardWriter(std::filesystem::path file, int64_t vocabulary);
  ~TokenShardWriter();  // an unfinished shard is deleted
  TokenShardWriter(const TokenShardWriter&) = delete;
  TokenShardWriter& operator=(const TokenShardWriter&) = delete;
  void append(const std::vector<int32_t>& tokens);
  void finish(int64_t text_bytes);
  int64_t tokens() const { return info_.tokens; }

 private:
  std::filesystem::path file_, staged_;
  std::ofstream out_;
  TokenShardInfo info_;
  bool finished_ = false;
};

// Read-only view of a shard, memory-mapped. The constructor throws UnusableShard when the file is
// missing, of another format or version, or shorter than its header says.
class TokenShard {
 public:
  explicit TokenShard(const std::filesystem::path& file);
  ~TokenShard();
  TokenShard(TokenShard&& other) noexcept;
  TokenShard& operator=(TokenShard&&) = delete;

  const TokenShardInfo& info() const { return info_; }
  // Copies tokens [first, first + count) to `into`; the range must lie inside the shard. Throws
  // UnusableShard for a token outside the vocabulary (a damaged disk).
  void copy(int64_t first, int64_t count, int64_t* into) const;

 private:
  std::filesystem::path file_;
  TokenShardInfo info_;
  const unsigned char* mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
  int token_bytes_ = 0;
};

}  // namespace crosslaw::trainer
