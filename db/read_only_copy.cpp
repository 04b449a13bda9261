#include "db/read_only_copy.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace crosslaw::db {
namespace fs = std::filesystem;

bool is_in_writable_folder(const fs::path& file) {
  const fs::path folder = file.parent_path();
  return ::access(folder.empty() ? "." : folder.c_str(), W_OK) == 0;
}

std::string immutable_uri(const fs::path& file) {
  std::string uri = "file:";
  for (const char c : fs::absolute(file).string()) {
    const bool special = c == '%' || c == '?' || c == '#';
    uri += special ? fmt::format("%{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return uri + "?immutable=1";
}

PrivateFolder::PrivateFolder() {
  std::string folder = (fs::temp_directory_path() / "crosslaw-read-XXXXXX").string();
  if (!::mkdtemp(folder.data()))
    throw std::runtime_error(
        fmt::format("{}: a copy to read from cannot be made: {}", folder, std::strerror(errno)));
  path_ = folder;
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path copy_database(const fs::path& file, const PrivateFolder& into) {
  fs::path copy = into.path() / file.filename();
  for (const char* beside : {"", "-wal"}) {
    const fs::path from = file.string() + beside, to = copy.string() + beside;
    if (!fs::exists(from)) continue;
    fs::copy_file(from, to);
    fs::permissions(to, fs::perms::owner_write, fs::perm_options::add);
  }
  return copy;
}

}  // namespace crosslaw::db
