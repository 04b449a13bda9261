#include "db/files/private_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace crosslaw::db {
namespace fs = std::filesystem;

PrivateFolder::PrivateFolder() {
  std::string folder = (fs::temp_directory_path() / "crosslaw-XXXXXX").string();
  if (!::mkdtemp(folder.data()))
    throw std::runtime_error(fmt::format("{}: cannot be made: {}; TMPDIR names another place",
                                         folder, std::strerror(errno)));
  path_ = folder;
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace crosslaw::db
