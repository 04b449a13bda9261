#include "sweep/launch/trainer_nest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "trainer/recipe/nest.h"

namespace crosslaw::sweep {
namespace {

// Loading takes half a second, on a cold network disk perhaps a hundred times that.
constexpr int kPatienceMs = 120'000;
// Two seconds for the end of what has nothing left to do.
constexpr int kLooks = 400, kBetweenLooksUs = 5000;

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become_nest(const char* program, const char* room, int socket) {
  // The terminal's signals are for us: its end is ours.
  ::setsid();
  ::dup2(socket, STDIN_FILENO);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, 1), ::dup2(nowhere, 2);
  // As for a trainer that is started alone: ignored signals survive exec, and its runs want them.
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) ::signal(signal, SIG_DFL);
  ::setenv("CUDA_VISIBLE_DEVICES", "", 1);
  ::execl(program, program, "--nest", room, nullptr);
  ::_exit(kExitNotFound);
}

}  // namespace

TrainerNest::~TrainerNest() { close(); }

void TrainerNest::open() {
  std::array<int, 2> ends{};
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
      ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    given_up_ = true;
    return;
  }
  const std::string room(trainer::kNestRoomBytes, ' ');
  nest_ = ::fork();
  if (nest_ == 0) become_nest(program_.c_str(), room.c_str(), ends[1]);
  ::close(ends[1]);
  socket_ = ends[0];
  if (nest_ < 0 || receive() != trainer::kNestReady) close();
}

void TrainerNest::close() {
  given_up_ = true;
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  if (nest_ < 0) return;
  // It does what it was still told, reads the end of its input and ends.
  for (int look = 0; look < kLooks; ++look) {
    if (::waitpid(nest_, nullptr, WNOHANG) != 0) {
      nest_ = -1;
      return;
    }
    ::usleep(kBetweenLooksUs);
  }
  // One that hangs would keep us waiting.
  ::kill(nest_, SIGKILL);
  while (::waitpid(nest_, nullptr, 0) < 0 && errno == EINTR) {
  }
  nest_ = -1;
}

// Nothing when the nest has closed its end or says nothing for too long.
std::optional<std::string> TrainerNest::receive() {
  pollfd waiting{socket_, POLLIN, 0};
  int ready = 0;
  // A key press interrupts the wait, and is no reason to give the nest up.
  while ((ready = ::poll(&waiting, 1, kPatienceMs)) < 0 && errno == EINTR) {
  }
  if (ready <= 0) return std::nullopt;
  std::array<char, 64> packet{};
  const ssize_t count = ::recv(socket_, packet.data(), packet.size(), 0);
  if (count <= 0) return std::nullopt;
  return std::string(packet.data(), static_cast<size_t>(count));
}

std::optional<pid_t> TrainerNest::start(const LaunchRequest& request,
                                        const std::vector<int>& cpus) {
  // A longer name would be cut off, and the process not be found again.
  if (request.config_file.native().size() + 1 >= trainer::kNestRoomBytes) return std::nullopt;
  if (socket_ < 0 && !given_up_) open();
  if (socket_ < 0) return std::nullopt;
  const std::string packet =
      trainer::to_packet({request.config_file.string(), request.log_file.string(), cpus});
  const bool sent = ::send(socket_, packet.data(), packet.size(), MSG_NOSIGNAL) ==
                    static_cast<ssize_t>(packet.size());
  const auto answer = sent ? receive() : std::nullopt;
  const int64_t pid = answer ? std::strtoll(answer->c_str(), nullptr, 10) : -1;
  if (pid > 0) return static_cast<pid_t>(pid);
  close();
  return std::nullopt;
}

void TrainerNest::let_go() {
  if (socket_ >= 0)
    (void)!::send(socket_, trainer::kNestGo.data(), trainer::kNestGo.size(), MSG_NOSIGNAL);
}

}  // namespace crosslaw::sweep
