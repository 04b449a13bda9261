#include "trainer/rank_processes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "db/files/atomic_file.h"
#include "trainer/ranks/nccl_ranks.h"
#include "trainer/ranks/shared_memory_ranks.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using WaitClock = std::chrono::steady_clock;

constexpr size_t kMostProcesses = 1024;
constexpr std::chrono::milliseconds kLookEvery{20};
constexpr std::chrono::seconds kTimeToReport{kSecondsToReport};

// For the signal handler, which may touch nothing else.
std::array<volatile pid_t, kMostProcesses> rank_pids{};

void hand_on(int signal) {
  const int error = errno;
  for (volatile pid_t& pid : rank_pids) {
    if (pid > 0) ::kill(pid, signal);
  }
  errno = error;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// CUDA_VISIBLE_DEVICES becomes the `index`-th of its devices: each rank sees its own GPU alone, as
// number 0. A list of one is a batch system's choice for this process.
void choose_gpu(int64_t index) {
  const std::string all = environment("CUDA_VISIBLE_DEVICES");
  if (all.empty()) return;
  std::vector<std::string> devices;
  std::istringstream list(all);
  for (std::string device; std::getline(list, device, ',');) devices.push_back(device);
  const auto own = static_cast<size_t>(index);
  if (devices.size() > 1 && own < devices.size())
    ::setenv("CUDA_VISIBLE_DEVICES", devices[own].c_str(), 1);
}

void write_to_own_log(const fs::path& folder, int64_t rank) {
  const fs::path log = folder / fmt::format("log-{}.txt", rank);
  const int descriptor = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return;  // then it writes to the first one's
  ::dup2(descriptor, STDOUT_FILENO), ::dup2(descriptor, STDERR_FILENO);
  ::close(descriptor);
}

[[noreturn]] void become_rank(const RankPlace& place, pid_t parent, const fs::path& folder,
                              const std::function<int(const RankPlace&)>& work) {
  // No rank outlives the process that its launcher knows.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kExitFailed);
  choose_gpu(place.rank);
  if (place.rank > 0) write_to_own_log(folder, place.rank);
  const int code = work(place);
  std::fflush(nullptr);
  ::_exit(code);
}

constexpr std::array kHandedOn = {SIGTERM, SIGUSR2, SIGINT};

void hand_signals_on() {
  struct sigaction action {};
  action.sa_handler = hand_on;
  action.sa_flags = SA_RESTART;
  for (int signal : kHandedOn) sigaction(signal, &action, nullptr);
}

// Those signals wait while it lives.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : kHandedOn) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, &before_);
  }
  ~BlockedSignals() { restore(); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  void restore() const { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

std::string end_of_rank(size_t rank, int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("rank {} was ended by signal {} ({})", rank, WTERMSIG(status),
                       ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("rank {} failed with code {}", rank, WEXITSTATUS(status));
}

// To the ranks that wait for it; whoever cannot be told waits until it is killed.
void report_failure(const fs::path& meeting, const std::string& loss) {
  try {
    if (!fs::exists(failure_file(meeting))) db::publish_file(failure_file(meeting), loss);
  } catch (const std::exception& error) {
    fmt::print(stderr, "crosslaw-train: {}\n", error.what());
  }
}

bool ended_well(int status) {
  return WIFEXITED(status) &&
         (WEXITSTATUS(status) == kExitDone || WEXITSTATUS(status) == kExitStartAgain);
}

}  // namespace

std::optional<RankPlace> place_of_job_step(int64_t ranks) {
  if (environment("SLURM_STEP_NUM_TASKS") != std::to_string(ranks)) return std::nullopt;
  const std::string rank = environment("SLURM_PROCID"), local = environment("SLURM_LOCALID");
  if (rank.empty()) return std::nullopt;
  choose_gpu(local.empty() ? 0 : std::stoll(local));
  return RankPlace{std::stoll(rank),
                   fmt::format("meeting-{}.{}.{}", environment("SLURM_JOB_ID"),
                               environment("SLURM_STEP_ID"), environment("SLURM_RESTART_COUNT"))};
}

RankEnds run_rank_processes(int64_t ranks, const fs::path& folder,
                            const std::function<int(const RankPlace&)>& work) {
  if (ranks > static_cast<int64_t>(kMostProcesses))
    throw std::runtime_error(
        fmt::format("{} ranks: more than {} processes", ranks, kMostProcesses));
  const pid_t self = ::getpid();
  const std::string meeting = fmt::format("meeting-{}", self);
  std::fflush(nullptr);  // or each rank would write what waits, too
  RankEnds ends;
  size_t left = 0;
  {
    // A signal that came in between would reach us and not the ranks.
    const BlockedSignals blocked;
    for (int64_t rank = 0; rank < ranks && ends.loss.empty(); ++rank) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        blocked.restore();
        become_rank({rank, meeting}, self, folder, work);
      }
      if (pid < 0) {
        ends.loss = fmt::format("starting rank {} failed: {}", rank, std::strerror(errno));
      } else {
        rank_pids[static_cast<size_t>(rank)] = pid;
        ++left;
      }
    }
    hand_signals_on();  // the ranks have the caller's own handlers
  }
  std::optional<WaitClock::time_point> kill_at;
  if (!ends.loss.empty()) kill_at = WaitClock::now();
  while (left > 0) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    for (size_t rank = 0; ended > 0 && rank < rank_pids.size(); ++rank) {
      if (rank_pids[rank] != ended) continue;
      rank_pids[rank] = 0;
      --left;
      if (rank == 0 && WIFEXITED(status)) ends.first_code = WEXITSTATUS(status);
      if (ended_well(status) || !ends.loss.empty()) continue;
      ends.loss = end_of_rank(rank, status);
      kill_at = WaitClock::now() + kTimeToReport;
      report_failure(folder / meeting, ends.loss);
    }
    // Rank 0 reports for all: when it has ended nothing more is to come.
    if (kill_at && (WaitClock::now() > *kill_at || rank_pids[0] == 0)) hand_on(SIGKILL);
    if (ended <= 0) std::this_thread::sleep_for(kLookEvery);
  }
  std::error_code ignored;
  fs::remove(failure_file(folder / meeting), ignored);
  return ends;
}

std::unique_ptr<Communicator> open_ranks(const Execution& execution, const RankPlace& place,
                                         const fs::path& folder) {
  if (execution.ranks == 1) return one_rank();
  const auto open = execution.device == "cuda" ? nccl_ranks : shared_memory_ranks;
  return open(folder / place.meeting, place.rank, execution.ranks, execution.rank_timeout_seconds);
}

}  // namespace crosslaw::trainer
