#include "trainer/corpus/python_helper.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "preparation_py.h"

extern char** environ;

namespace crosslaw::trainer {
namespace {

constexpr std::string_view kMissing = "ModuleNotFoundError: No module named '";

// What a user names, what the build found, what is on the path.
std::string python_program() {
  if (const char* named = std::getenv("CROSSLAW_PYTHON")) return named;
  const std::string built_with = CROSSLAW_PYTHON;
  return !built_with.empty() && ::access(built_with.c_str(), X_OK) == 0 ? built_with : "python3";
}

std::string explained(const std::string& error) {
  if (!error.starts_with(kMissing)) return error;
  const std::string package =
      error.substr(kMissing.size(), error.find('\'', kMissing.size()) - kMissing.size());
  return fmt::format(
      "this needs Python's package {0}, which {1} lacks; {1} -m pip install {0}, or set "
      "CROSSLAW_PYTHON to a Python that has it",
      package, python_program());
}

}  // namespace

PythonHelper::PythonHelper() {
  std::array<int, 2> ends{};
  // A socket, not pipes: writing to one whose reader is gone is an error here, not a signal.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::runtime_error(fmt::format("no socket for Python: {}", std::strerror(errno)));
  socket_ = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string program = python_program(), option = "-c", source = kPreparationPy;
  std::vector<char*> arguments = {program.data(), option.data(), source.data(), nullptr};
  const int failed =
      ::posix_spawnp(&process_, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed == 0) return;
  ::close(socket_);
  throw std::runtime_error(
      fmt::format("{}: cannot be started: {}; set CROSSLAW_PYTHON to a Python 3", program,
                  std::strerror(failed)));
}

PythonHelper::~PythonHelper() {
  ::close(socket_);  // the process ends at the end of its input
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void PythonHelper::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0)
      throw std::runtime_error(
          fmt::format("{}: ended too early; what it said stands above, if "
                      "anything",
                      python_program()));
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string PythonHelper::receive(size_t count) {
  std::string bytes(count, '\0');
  for (size_t got = 0; got < count;) {
    const ssize_t more = ::recv(socket_, bytes.data() + got, count - got, 0);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0)
      throw std::runtime_error(
          fmt::format("{}: ended too early; what it said stands above, if "
                      "anything",
                      python_program()));
    got += static_cast<size_t>(more);
  }
  return bytes;
}

std::string PythonHelper::ask(char kind, std::string_view payload) {
  const auto length = static_cast<int64_t>(payload.size());
  std::string head(1 + sizeof length, kind);
  std::memcpy(head.data() + 1, &length, sizeof length);
  send(head), send(payload);
  const std::string answer_head = receive(1 + sizeof length);
  int64_t answer_length = 0;
  std::memcpy(&answer_length, answer_head.data() + 1, sizeof answer_length);
  std::string answer = receive(static_cast<size_t>(answer_length));
  if (answer_head[0] != 0) throw std::invalid_argument(explained(answer));
  return answer;
}

}  // namespace crosslaw::trainer
