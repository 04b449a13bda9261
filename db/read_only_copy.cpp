#include "db/read_only_copy.h"

#include <fmt/format.h>
#include <unistd.h>

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
