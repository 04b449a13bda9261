#include "sweep/schedule/sweep_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {
fs::path lock_file(const fs::path& folder) { return folder / "lock"; }
}  // namespace

std::optional<SweepLock> SweepLock::try_take(const fs::path& folder) {
  fs::path file = lock_file(folder);
  // Close-on-exec: a trainer that outlives us must not hold the sweep.
  int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    throw std::runtime_error(
        fmt::format("{}: cannot be written: {}; choose another folder with --dir", file.string(),
                    std::strerror(errno)));
  }
  SweepLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  // The lock is flock's; the text is for people who ask who holds it.
  struct utsname host {};
  ::uname(&host);
  std::string text = fmt::format("process {} on {}\n", ::getpid(), host.nodename);
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) < 0) {
    throw std::runtime_error(
        fmt::format("{}: cannot be written: {}", file.string(), std::strerror(errno)));
  }
  return lock;
}

std::string SweepLock::holder(const fs::path& folder) {
  std::ifstream input(lock_file(folder));
  std::string line;
  std::getline(input, line);
  return line.empty() ? "another process" : line;
}

SweepLock::SweepLock(SweepLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

SweepLock::~SweepLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace crosslaw::sweep
