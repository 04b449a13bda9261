#include "db/files/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace crosslaw::db {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStaged = ".tmp";

[[noreturn]] void fail(const char* what, const fs::path& path) {
  throw std::runtime_error(
      fmt::format("{}: {} failed: {}", path.string(), what, std::strerror(errno)));
}

// By a descriptor of its own: fsync flushes the file, whoever wrote it.
void sync(const fs::path& path, int flags) {
  int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) fail("opening for sync", path);
  int result = ::fsync(descriptor);
  ::close(descriptor);
  if (result != 0) fail("fsync", path);
}

void write_all(const fs::path& path, std::string_view content) {
  // A new file, not what a crash left there, nor what a link of this name leads to.
  ::unlink(path.c_str());
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) fail("creating", path);
  size_t done = 0;
  while (done < content.size()) {
    ssize_t count = ::write(descriptor, content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      int reason = errno;
      ::close(descriptor);
      errno = reason;
      fail("writing", path);
    }
    done += static_cast<size_t>(count);
  }
  // Some file systems (NFS, quotas) report a full disk only here.
  if (::close(descriptor) != 0) fail("writing", path);
}

fs::path folder_of(const fs::path& path) {
  fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

}  // namespace

// Beside its place, so that the rename stays inside one file system and is atomic.
fs::path staging_path(const fs::path& path) { return path.string() + kStaged; }

bool is_staged(std::string_view name) { return name.ends_with(kStaged); }

fs::path cleared_staging_path(const fs::path& path) {
  fs::path staged = staging_path(path);
  std::error_code ignored;  // whoever writes there will say
  fs::remove_all(staged, ignored);
  return staged;
}

void publish_file(const fs::path& file, std::string_view content) {
  fs::path staged = staging_path(file);
  try {
    write_all(staged, content);
    publish_staged(staged, file);
  } catch (...) {
    ::unlink(staged.c_str());
    throw;
  }
}

void publish_staged(const fs::path& staged, const fs::path& file) {
  // This order: content, then name, then the folder that holds the name. A rename before the first
  // sync could survive a power cut with an empty file behind it.
  sync(staged, O_RDONLY);
  if (::rename(staged.c_str(), file.c_str()) != 0) fail("renaming into place", file);
  sync(folder_of(file), O_RDONLY | O_DIRECTORY);
}

void publish_folder(const fs::path& staged, const fs::path& final_path) {
  // Files, then the folder's list of them, then its name in the folder above.
  for (const fs::directory_entry& entry : fs::directory_iterator(staged)) {
    sync(entry.path(), O_RDONLY);
  }
  sync(staged, O_RDONLY | O_DIRECTORY);
  if (::rename(staged.c_str(), final_path.c_str()) != 0) fail("renaming into place", final_path);
  sync(folder_of(final_path), O_RDONLY | O_DIRECTORY);
}

}  // namespace crosslaw::db
