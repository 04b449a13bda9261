#include "sweep/launch/local_launcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

// A descriptor of the process itself: poll() waits on it, signals through it never reach another
// process that inherited the number.
int open_pidfd(int64_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
}

// Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces and parentheses. Nothing for
// zombies.
std::optional<int64_t> start_ticks_of(int64_t pid) {
  std::ifstream input(fmt::format("/proc/{}/stat", pid));
  std::string text{std::istreambuf_iterator<char>(input), {}};
  size_t after_name = text.rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(after_name + 1));
  std::string field;
  fields >> field;
  if (field == "Z" || field == "X") return std::nullopt;
  int64_t value = 0;
  // `field` was 3, the state; each >> overwrites the last.
  for (int index = 4; index <= 22; ++index) fields >> value;
  return fields ? std::optional(value) : std::nullopt;
}

bool has_argument(int64_t pid, const std::string& argument) {
  std::ifstream input(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  for (std::string word; std::getline(input, word, '\0');) {
    if (word == argument) return true;
  }
  return false;
}

// Open and locked, to be inherited; -1 when the GPU is in use.
int lock_gpu(const std::string& uuid) {
  fs::path file = fs::temp_directory_path() / fmt::format("crosslaw-{}.lock", uuid);
  // Reading is enough to lock, and all that another user's file allows.
  int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT)
    descriptor = ::open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0)
    throw std::runtime_error(
        fmt::format("{}: cannot be written: {}", file.string(), std::strerror(errno)));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become_trainer(const char* program, const char* config, const char* log,
                                 const Slot& slot, int gpu_lock) {
  // A session of its own: Ctrl-C and a closed terminal reach us alone, and we decide what to do.
  ::setsid();
  int input = ::open("/dev/null", O_RDONLY),
      output = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (input < 0 || output < 0) ::_exit(126);
  ::dup2(input, 0), ::dup2(output, 1), ::dup2(output, 2);
  // Not close-on-exec any more: the lock lives as long as the trainer, whatever becomes of us.
  if (gpu_lock >= 0) ::fcntl(gpu_lock, F_SETFD, 0);
  if (!slot.cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu : slot.cpus) CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  // Ignored signals survive exec; the trainer wants to hear them.
  for (int signal : {SIGINT, SIGTERM, SIGUSR2, SIGPIPE}) ::signal(signal, SIG_DFL);
  ::setenv("CUDA_VISIBLE_DEVICES", slot.gpu_uuid.c_str(), 1);
  ::execl(program, program, config, nullptr);
  // As shells say it: 126 cannot be set up, 127 cannot be found.
  ::_exit(127);
}

}  // namespace

fs::path trainer_program() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "crosslaw-train";
  if (!fs::exists(program)) {
    throw std::runtime_error(
        fmt::format("{}: is not there, so nothing can be trained: this build is for fits alone; "
                    "scripts/build.sh without --fit-only builds the trainer too",
                    program.string()));
  }
  return program;
}

std::optional<ProcessIdentity> find_process_with_argument(const std::string& argument) {
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    std::string name = entry.path().filename().string();
    int64_t pid = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size() || !has_argument(pid, argument))
      continue;
    if (auto ticks = start_ticks_of(pid)) return ProcessIdentity{pid, *ticks};
  }
  return std::nullopt;
}

LocalLauncher::~LocalLauncher() {
  for (const auto& [id, process] : processes_) ::close(process.descriptor);
}

std::optional<ProcessIdentity> LocalLauncher::start(const LaunchRequest& request) {
  if (request.slot.gpu_uuid.empty()) {
    if (const auto pid = nest_.start(request)) {
      processes_[request.attempt_id] = {*pid, open_pidfd(*pid), true};
      return ProcessIdentity{*pid, start_ticks_of(*pid).value_or(0)};
    }
    // A nest that died over this request may have started it; two would write the same files.
    if (const auto started = adopt(request.attempt_id, request.config_file)) return started;
  }
  int gpu_lock = -1;
  if (!request.slot.gpu_uuid.empty()) {
    gpu_lock = lock_gpu(request.slot.gpu_uuid);
    if (gpu_lock < 0) return std::nullopt;
  }
  pid_t pid = ::fork();
  if (pid == 0)
    become_trainer(program_.c_str(), request.config_file.c_str(), request.log_file.c_str(),
                   request.slot, gpu_lock);
  int reason = errno;
  // The child has its copy; ours would keep the GPU locked after the child's end.
  if (gpu_lock >= 0) ::close(gpu_lock);
  if (pid < 0)
    throw std::runtime_error(
        fmt::format("starting {} failed: {}", program_.string(), std::strerror(reason)));
  // Our child stays a zombie until it is reaped, so the number is still its own.
  processes_[request.attempt_id] = {pid, open_pidfd(pid), true};
  return ProcessIdentity{pid, start_ticks_of(pid).value_or(0)};
}

std::optional<ProcessIdentity> LocalLauncher::adopt(int64_t attempt_id,
                                                    const fs::path& config_file) {
  auto found = find_process_with_argument(config_file.string());
  if (!found) return std::nullopt;
  int descriptor = open_pidfd(found->pid);
  // Looked at again: the process may have ended, and its number gone to another, before it was
  // held.
  if (descriptor < 0 || !has_argument(found->pid, config_file.string())) {
    if (descriptor >= 0) ::close(descriptor);
    return std::nullopt;
  }
  processes_[attempt_id] = {found->pid, descriptor, false};
  return found;
}

std::vector<ProcessExit> LocalLauncher::wait(std::chrono::milliseconds patience) {
  std::vector<pollfd> waiting;
  std::vector<int64_t> ids;
  for (const auto& [id, process] : processes_) {
    waiting.push_back({process.descriptor, POLLIN, 0});
    ids.push_back(id);
  }
  std::vector<ProcessExit> exits;
  if (::poll(waiting.data(), waiting.size(), static_cast<int>(patience.count())) <= 0) return exits;
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i].revents == 0) continue;
    Process process = processes_.at(ids[i]);
    ProcessExit exit{ids[i], {}, {}};
    int status = 0;
    // An adopted process is no child: init reaps it, and code and signal stay unknown.
    if (process.child && ::waitpid(static_cast<pid_t>(process.pid), &status, 0) > 0) {
      if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
    }
    ::close(process.descriptor);
    processes_.erase(ids[i]);
    exits.push_back(exit);
  }
  return exits;
}

void LocalLauncher::stop(int64_t attempt_id, bool at_once) {
  auto at = processes_.find(attempt_id);
  if (at == processes_.end()) return;
  ::syscall(SYS_pidfd_send_signal, at->second.descriptor, at_once ? SIGKILL : SIGTERM, nullptr, 0);
}

}  // namespace crosslaw::sweep
