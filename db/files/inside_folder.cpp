#include "db/files/inside_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace crosslaw::db {
namespace fs = std::filesystem;
namespace {

// Without following: a link of this name is no folder.
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

void require_inside(const fs::path& inside) {
  const bool plain = !inside.empty() && inside.is_relative() &&
                     std::all_of(inside.begin(), inside.end(), [](const fs::path& part) {
                       return !part.empty() && part != "." && part != "..";
                     });
  if (!plain)
    throw std::invalid_argument(fmt::format("\"{}\" is no place inside a folder", inside.string()));
}

int open_again(int folder) { return ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

// Takes the descriptor, as fdopendir() does, and closes it.
std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  DIR* listing = folder >= 0 ? ::fdopendir(folder) : nullptr;
  if (!listing) {
    if (folder >= 0) ::close(folder);
    return names;
  }
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(listing);
  std::sort(names.begin(), names.end());
  return names;
}

// Everything is named relative to an open folder, so that nobody can exchange a part of the way
// for a link in between.
bool remove_at(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  const int folder = ::openat(parent, name.c_str(), kFolderFlags);
  if (folder < 0) return false;
  for (const std::string& inner : names_in(open_again(folder))) remove_at(folder, inner);
  ::close(folder);
  return ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0;
}

}  // namespace

InsideFolder::InsideFolder(const fs::path& folder)
    : folder_(folder), descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0)
    throw std::runtime_error(
        fmt::format("{}: cannot be opened: {}", folder.string(), std::strerror(errno)));
}

InsideFolder::~InsideFolder() { ::close(descriptor_); }

// -1 with errno when some part is no folder.
int InsideFolder::open(const fs::path& inside, bool make, bool* made) const {
  int at = descriptor_;
  for (const fs::path& part : inside) {
    if (at < 0) return -1;
    if (make && made) *made = ::mkdirat(at, part.c_str(), 0777) == 0;
    const int next = ::openat(at, part.c_str(), kFolderFlags);
    const int reason = errno;
    if (at != descriptor_) ::close(at);
    errno = reason;
    at = next;
  }
  return at == descriptor_ ? open_again(at) : at;
}

bool InsideFolder::make_folder(const fs::path& inside) const {
  require_inside(inside);
  bool made = false;
  const int folder = open(inside, true, &made);
  if (folder < 0) {
    const bool link = errno == ELOOP || errno == ENOTDIR;
    throw std::runtime_error(fmt::format(
        "{}: cannot be made: {}", (folder_ / inside).string(),
        link ? std::string("a link or a file stands in its way; a sweep's folder holds no links "
                           "(launch.files names another place for runs/ and data/)")
             : std::string(std::strerror(errno))));
  }
  ::close(folder);
  return made;
}

bool InsideFolder::remove(const fs::path& inside) const {
  require_inside(inside);
  const fs::path above = inside.parent_path();
  const int folder = open(above, false, nullptr);
  if (folder < 0) return errno == ENOENT;
  const bool gone = remove_at(folder, inside.filename().string());
  ::close(folder);
  return gone;
}

bool InsideFolder::has_folder(const fs::path& inside) const {
  require_inside(inside);
  const int folder = open(inside, false, nullptr);
  if (folder < 0) return false;
  ::close(folder);
  return true;
}

std::vector<std::string> InsideFolder::names(const fs::path& inside) const {
  require_inside(inside);
  return names_in(open(inside, false, nullptr));
}

}  // namespace crosslaw::db
