#include "apps/charts/rsvg.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <system_error>

extern char** environ;

namespace crosslaw::charts {
namespace {

constexpr const char* kProgram = "rsvg-convert";
constexpr const char* kPixelsPerInch = "144";  // sharp on a screen and small enough for a mail

// A file in memory: what the program reads and writes needs no names.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : descriptor_(::memfd_create(name, MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), name);
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

  void put(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0) throw std::system_error(errno, std::generic_category(), "a drawing");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(descriptor_, 0, SEEK_SET);
  }

  std::string take() const {
    ::lseek(descriptor_, 0, SEEK_SET);
    std::string out;
    std::array<char, 65536> block;
    for (ssize_t got = 0; (got = ::read(descriptor_, block.data(), block.size())) > 0;)
      out.append(block.data(), static_cast<std::size_t>(got));
    return out;
  }

 private:
  int descriptor_;
};

}  // namespace

std::string converted_drawing(const std::string& svg, const std::string& format) {
  const MemoryFile in("svg"), out("drawing"), words("words");
  in.put(svg);
  // Files, not pipes: a full pipe of one would block the other.
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.descriptor(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, words.descriptor(), STDERR_FILENO);
  // No shell: a name is a name, whatever stands in it.
  std::array<std::string, 7> arguments = {kProgram,       "--format", format,        "--dpi-x",
                                          kPixelsPerInch, "--dpi-y",  kPixelsPerInch};
  std::array<char*, 8> argv{};
  for (std::size_t i = 0; i < arguments.size(); ++i) argv[i] = arguments[i].data();
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, kProgram, &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw std::runtime_error(
        fmt::format("{} draws .png and .pdf and cannot be started ({}); install it: apt-get "
                    "install librsvg2-bin; .svg and .html need nothing",
                    kProgram, std::strerror(error)));
  }
  int status = 0;
  // A signal that is only counted (Ctrl-C) must not leave the child behind.
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string drawing = out.take();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !drawing.empty()) return drawing;
  throw std::runtime_error(fmt::format("{} failed: {}", kProgram, words.take()));
}

}  // namespace crosslaw::charts
