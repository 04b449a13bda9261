#include "apps/study/source_text.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "fit/data/records.h"
#include "trainer/corpus/byte_source.h"

namespace crosslaw::apps {
namespace {

// Faults of compression are faults of the file that the user named.
std::string decompressed(const std::string& path, trainer::Packing packing) {
  try {
    const trainer::ByteSource source = trainer::open_bytes(path, packing);
    std::vector<char> piece(std::size_t{1} << 16);
    std::string out;
    while (const std::size_t count = source.read(piece)) out.append(piece.data(), count);
    return out;
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument(error.what());
  }
}

}  // namespace

bool has_table_ending(const std::string& path) {
  constexpr std::array<std::string_view, 9> kEndings = {".csv", ".tsv", ".json", ".jsonl",  ".txt",
                                                        ".md",  ".gz",  ".zst",  ".parquet"};
  const std::string ending = std::filesystem::path(path).extension().string();
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

std::string read_source_text(const std::string& path) {
  if (path == kStandardInput) {
    return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  }
  std::string bytes = fit::read_text(path);
  // By its first bytes and not by its name, which browsers and copies change.
  if (bytes.starts_with("\x1f\x8b")) return decompressed(path, trainer::Packing::kGzip);
  if (bytes.starts_with("\x28\xb5\x2f\xfd")) return decompressed(path, trainer::Packing::kZstd);
  return bytes;
}

}  // namespace crosslaw::apps
