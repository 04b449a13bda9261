#include "sweep/schedule/sweep_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "db/files/printable.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

constexpr int kLooks = 10;
constexpr std::chrono::milliseconds kBetweenLooks{100};

fs::path lock_file(const fs::path& folder) { return folder / "lock"; }

// Of the open file, not of the process: it goes with the last descriptor, and another process can
// ask for it without taking it (fcntl(2), F_OFD_GETLK).
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

std::optional<SweepLock> SweepLock::try_take(const fs::path& folder) {
  fs::path file = lock_file(folder);
  // Close-on-exec: a trainer that outlives us must not hold the sweep.
  // A link of this name would let us write into another file.
  int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    throw std::runtime_error(
        fmt::format("{}: cannot be written: {}; choose another folder with --dir", file.string(),
                    std::strerror(errno)));
  }
  SweepLock lock(descriptor);
  struct flock wanted = whole_file();
  if (::fcntl(descriptor, F_OFD_SETLK, &wanted) != 0) return std::nullopt;
  // Earlier versions knew only this one.
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  // The lock is the kernel's; the text is for people who ask who holds it.
  struct utsname host {};
  ::uname(&host);
  std::string text = fmt::format("process {} on {}\n", ::getpid(), host.nodename);
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) < 0) {
    throw std::runtime_error(
        fmt::format("{}: cannot be written: {}", file.string(), std::strerror(errno)));
  }
  return lock;
}

std::optional<SweepLock> SweepLock::take_soon(const fs::path& folder) {
  for (int look = 1; look < kLooks; ++look) {
    if (auto lock = try_take(folder)) return lock;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return try_take(folder);
}

bool SweepLock::is_held(const fs::path& folder) {
  const int descriptor = ::open(lock_file(folder).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct flock asked = whole_file();
  const bool known = ::fcntl(descriptor, F_OFD_GETLK, &asked) == 0;
  ::close(descriptor);
  return known && asked.l_type != F_UNLCK;
}

std::string SweepLock::holder(const fs::path& folder) {
  std::ifstream input(lock_file(folder));
  std::string line;
  std::getline(input, line);
  return line.empty() ? "another process" : db::printable(line);
}

SweepLock::SweepLock(SweepLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

SweepLock::~SweepLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace crosslaw::sweep
