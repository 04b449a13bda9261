#include "db/files/read_file.h"

#include <fstream>
#include <iterator>

namespace crosslaw::db {

std::optional<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) return std::nullopt;
  try {
    // Iterators read past the stream, so that its buffer's exception arrives here.
    return std::string{std::istreambuf_iterator<char>(input), {}};
  } catch (const std::ios_base::failure&) {
    return std::nullopt;
  }
}

}  // namespace crosslaw::db
