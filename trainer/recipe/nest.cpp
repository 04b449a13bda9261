#include "trainer/recipe/nest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "trainer/recipe/run_files.h"

namespace crosslaw::trainer {
namespace {

using Attempt = std::function<int(const std::filesystem::path&)>;

// The arguments that ps shows, and by which a later launcher finds this process (adoption).
void show_arguments(std::span<char> memory, const std::string& config) {
  const size_t program = std::strlen(memory.data()) + 1;
  std::fill(memory.begin() + static_cast<std::ptrdiff_t>(program), memory.end(), '\0');
  // One byte stays free: without a last zero the kernel would read on into the environment.
  config.copy(memory.data() + program, memory.size() - program - 1);
}

[[noreturn]] void become_attempt(const NestRequest& request, std::span<char> arguments, int told,
                                 int go, const Attempt& attempt) {
  // Named before its number is told: there is no moment at which it is known and not to be found.
  show_arguments(arguments, request.config_file);
  const pid_t self = ::getpid();
  if (::write(told, &self, sizeof self) != sizeof self) ::_exit(kExitCannotStart);
  ::close(told);
  char byte = 0;
  if (::read(go, &byte, 1) != 1) ::_exit(kExitNotLetGo);
  ::close(go);
  // A session of its own: Ctrl-C and a closed terminal reach the launcher alone.
  ::setsid();
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC),
            output =
                ::open(request.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (input < 0 || output < 0) ::_exit(kExitCannotStart);
  // Standard input was the socket: the attempt must not keep it open.
  ::dup2(input, 0), ::dup2(output, 1), ::dup2(output, 2);
  if (!request.cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu : request.cpus) CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  const int code = attempt(request.config_file);
  std::fflush(nullptr);
  // Not exit(): tearing the libraries down again takes time and is of no use.
  ::_exit(code);
}

struct Orphan {
  pid_t pid = -1;
  int go = -1;  // it begins when a byte comes through, and ends when none can come any more
};

// Forks twice: the process in between ends at once, and its child becomes the launcher's.
Orphan start_orphan(const NestRequest& request, std::span<char> arguments, const Attempt& attempt) {
  std::array<int, 2> told{}, go{};
  if (::pipe2(told.data(), O_CLOEXEC) != 0 || ::pipe2(go.data(), O_CLOEXEC) != 0) return {};
  Orphan orphan{-1, go[1]};
  const pid_t between = ::fork();
  if (between == 0) {
    ::close(go[1]);
    if (::fork() == 0) become_attempt(request, arguments, told[1], go[0], attempt);
    ::_exit(0);
  }
  ::close(told[1]);
  ::close(go[0]);
  if (between > 0) {
    if (::read(told[0], &orphan.pid, sizeof orphan.pid) != sizeof orphan.pid) orphan.pid = -1;
    // Once it is reaped, its child has the launcher as parent.
    while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(told[0]);
  return orphan;
}

}  // namespace

std::string to_packet(const NestRequest& request) {
  return nlohmann::json{
      {"config", request.config_file}, {"log", request.log_file}, {"cpus", request.cpus}}
      .dump();
}

NestRequest request_of(std::string_view packet) {
  try {
    const nlohmann::json j = nlohmann::json::parse(packet);
    return {j.at("config"), j.at("log"), j.at("cpus")};
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("not a request of a nest: {}", error.what()));
  }
}

void serve_nest(int socket, std::span<char> arguments, const Attempt& attempt) {
  auto send = [&](std::string_view packet) {
    return ::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(packet.size());
  };
  std::string buffer(kNestPacketBytes, '\0');
  // Empty at the end of input.
  auto receive = [&] {
    ssize_t count = 0;
    while ((count = ::recv(socket, buffer.data(), buffer.size(), 0)) < 0 && errno == EINTR) {
    }
    return std::string_view(buffer).substr(0, count > 0 ? static_cast<size_t>(count) : 0);
  };
  bool open = send(kNestReady);
  while (open) {
    const std::string_view packet = receive();
    if (packet.empty()) return;
    const Orphan orphan = start_orphan(request_of(packet), arguments, attempt);
    open = send(std::to_string(orphan.pid)) && receive() == kNestGo;
    if (open) (void)!::write(orphan.go, "g", 1);
    ::close(orphan.go);
  }
}

}  // namespace crosslaw::trainer
