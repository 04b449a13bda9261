#include "sweep/launch/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace crosslaw::sweep {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kBetweenLooks = milliseconds(5);
// A queue's listing of a hundred thousand jobs; what is more is a program gone wild.
constexpr std::size_t kMostOutputBytes = 64u << 20u;

// Closes the end of a pipe when its writer has; false: more may come.
bool drain(int& descriptor, std::string& text) {
  std::array<char, 1 << 16> buffer{};
  while (descriptor >= 0) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0) return errno != EAGAIN && errno != EINTR;
    if (count == 0) {
      ::close(descriptor);
      descriptor = -1;
    } else if (text.size() < kMostOutputBytes) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  return true;
}

}  // namespace

std::string ProgramEnd::complaint() const {
  if (timed_out) return "no answer in time";
  std::string last;
  std::size_t from = 0;
  while (from < errors.size()) {
    const std::size_t end = std::min(errors.find('\n', from), errors.size());
    if (end > from) last = errors.substr(from, end - from);
    from = end + 1;
  }
  return last.empty() ? fmt::format("exit code {}", code) : last;
}

ProgramCall::ProgramCall(const std::vector<std::string>& arguments, milliseconds limit)
    : deadline_(Clock::now() + limit) {
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0)
    throw std::runtime_error(
        fmt::format("calling {} failed: {}", arguments.front(), std::strerror(errno)));
  output_ = out[0], errors_ = err[0];
  ::fcntl(output_, F_SETFL, O_NONBLOCK);
  ::fcntl(errors_, F_SETFL, O_NONBLOCK);
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: Ctrl-C at the terminal must not end a submission halfway.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error =
      ::posix_spawnp(&pid_, words.front(), &actions, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  if (error != 0) {
    pid_ = -1;
    end_.code = 127;
    end_.errors = fmt::format("{}: {}", arguments.front(), std::strerror(error));
  }
}

ProgramCall::~ProgramCall() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
  if (errors_ >= 0) ::close(errors_);
}

std::optional<ProgramEnd> ProgramCall::wait(milliseconds patience) {
  const auto until = Clock::now() + patience;
  for (;;) {
    if (pid_ < 0) return end_;
    read_what_is_there();
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) > 0) {
      pid_ = -1;
      // What it wrote before its end; a grandchild may keep the pipe open for ever.
      read_what_is_there();
      end_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return end_;
    }
    if (Clock::now() >= deadline_ && !end_.timed_out) {
      end_.timed_out = true;
      ::kill(pid_, SIGKILL);
      continue;
    }
    if (Clock::now() >= until) return std::nullopt;
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

void ProgramCall::read_what_is_there() {
  drain(output_, end_.output);
  drain(errors_, end_.errors);
}

ProgramEnd run_program(const std::vector<std::string>& arguments, milliseconds limit) {
  ProgramCall call(arguments, limit);
  for (;;) {
    if (auto end = call.wait(limit)) return *end;
  }
}

}  // namespace crosslaw::sweep
