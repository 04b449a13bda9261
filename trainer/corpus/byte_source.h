#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace crosslaw::trainer {

// The bytes of a file: as they lie there, or decompressed when its name ends in .gz or .zst. Every
// byte of a compressed file belongs to a member that was read to its end: a member that is cut off,
// damaged or no member at all, trailing bytes included, is a std::runtime_error naming the file and
// the place in it, never a shorter text.
struct ByteSource {
  // Fills `piece` from its beginning and returns how many bytes; 0 at the end.
  std::function<size_t(std::vector<char>& piece)> read;
  // Bytes of the file that have been used so far.
  std::function<int64_t()> file_bytes;
};

enum class Packing { kNone, kGzip, kZstd };

// Throws std::runtime_error for a file that is missing, a folder or cannot be read. The second goes
// by what the caller knows, whatever the name.
ByteSource open_bytes(const std::filesystem::path& file);
ByteSource open_bytes(const std::filesystem::path& file, Packing packing);

}  // namespace crosslaw::trainer
