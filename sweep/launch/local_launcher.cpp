#include "sweep/launch/local_launcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

// Until a GPU that others use is looked at again.
constexpr std::chrono::seconds kTakenPause{30};
constexpr int kMostDescriptors = 1024;
// A process that we just started for another GPU may hold a copy of a lock for an instant.
constexpr int kLockLooks = 20;
constexpr std::chrono::milliseconds kBetweenLockLooks{5};

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become_trainer(const char* program, const char* config, const char* log,
                                 const std::vector<int>& cpus, const std::string& gpus,
                                 const std::vector<int>& gpu_locks, int go) {
  // A session of its own: Ctrl-C and a closed terminal reach us alone, and we decide what to do.
  ::setsid();
  // Of other GPUs' locks we inherited copies, too, which would hold them meanwhile.
  for (int other = 3; other < kMostDescriptors; ++other) {
    if (other != go && std::find(gpu_locks.begin(), gpu_locks.end(), other) == gpu_locks.end())
      ::close(other);
  }
  // Until the store knows this process nothing may happen; should the scheduler die before, the
  // pipe ends and so do we.
  char byte = 0;
  if (::read(go, &byte, 1) != 1) ::_exit(kExitNotLetGo);
  const int input = ::open("/dev/null", O_RDONLY),
            output = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (input < 0 || output < 0) ::_exit(kExitCannotStart);
  ::dup2(input, 0), ::dup2(output, 1), ::dup2(output, 2);
  // Not close-on-exec any more: the lock lives as long as the trainer, whatever becomes of us.
  for (int lock : gpu_locks) ::fcntl(lock, F_SETFD, 0);
  if (!cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu : cpus) CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  // Ignored signals survive exec; the trainer wants to hear them.
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) ::signal(signal, SIG_DFL);
  ::setenv("CUDA_VISIBLE_DEVICES", gpus.c_str(), 1);
  ::execl(program, program, config, nullptr);
  ::_exit(kExitNotFound);
}

bool runs_on(int64_t pid, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(static_cast<pid_t>(pid), sizeof set, &set) != 0) return false;
  return CPU_COUNT(&set) == static_cast<int>(cpus.size()) &&
         std::all_of(cpus.begin(), cpus.end(), [&](int cpu) { return CPU_ISSET(cpu, &set); });
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

LocalLauncher::LocalLauncher(LocalOptions options)
    : options_(std::move(options)), nest_(options_.program) {
  for (const Slot& slot : options_.slots) places_.push_back({.slot = slot});
}

LocalLauncher::~LocalLauncher() {
  for (const auto& [id, process] : processes_) ::close(process.descriptor);
}

std::string LocalLauncher::device() const {
  return places_.empty() ? "cpu" : places_.front().slot.device();
}

std::size_t LocalLauncher::gpus_here() const {
  std::set<std::string> uuids;
  for (const Place& place : places_) uuids.insert(place.slot.gpu_uuid);
  return uuids.size();
}

bool LocalLauncher::reserve(int64_t gpus) {
  const auto wanted = device() == "cuda" ? static_cast<std::size_t>(gpus) : 1;
  // start() says that so many will never be free.
  if (reserved_.places.size() == wanted || wanted > std::max<std::size_t>(1, gpus_here()))
    return true;
  reserved_ = {};
  std::set<std::string> uuids;
  for (std::size_t i = 0; i < places_.size() && reserved_.places.size() < wanted; ++i) {
    Place& place = places_[i];
    std::shared_ptr<GpuLock> lock;
    if (place.busy || Clock::now() < place.not_before || uuids.contains(place.slot.gpu_uuid) ||
        !take_gpu(place, lock))
      continue;
    uuids.insert(place.slot.gpu_uuid);
    reserved_.places.push_back(i);
    if (lock) reserved_.gpus.push_back(lock);
  }
  if (reserved_.places.size() == wanted) return true;
  reserved_ = {};
  return false;
}

bool LocalLauncher::is_ours(int64_t pid) const {
  // Of a run on several GPUs it is the children of the process that we started which use them.
  const int64_t parent = parent_of(pid).value_or(0);
  return std::any_of(processes_.begin(), processes_.end(),
                     [&](const auto& p) { return p.second.pid == pid || p.second.pid == parent; });
}

bool LocalLauncher::take_gpu(Place& place, std::shared_ptr<GpuLock>& lock) {
  const std::string& uuid = place.slot.gpu_uuid;
  if (uuid.empty()) return true;
  // One lock for all runs that we put on a GPU.
  for (const auto& [id, process] : processes_) {
    for (std::size_t i = 0; i < process.taken.gpus.size(); ++i) {
      if (places_[process.taken.places[i]].slot.gpu_uuid == uuid) lock = process.taken.gpus[i];
    }
  }
  for (int look = 0; !lock && look < kLockLooks; ++look) {
    if (look > 0) std::this_thread::sleep_for(kBetweenLockLooks);
    lock = GpuLock::try_take(uuid);
  }
  if (!lock) {
    say_taken(place, "another sweep");
    return false;
  }
  if (!options_.share_gpus) {
    for (const GpuProcess& user : gpu_processes()) {
      if (user.gpu_uuid != uuid || is_ours(user.pid)) continue;
      lock.reset();
      say_taken(place, fmt::format("process {}", user.pid));
      return false;
    }
  }
  place.said_taken = false;
  return true;
}

void LocalLauncher::say_taken(Place& place, const std::string& by) {
  place.not_before = Clock::now() + kTakenPause;
  if (!place.said_taken)
    options_.say(fmt::format("{}: {} uses it; looked at again every {} s", place.slot.name(), by,
                             kTakenPause.count()));
  place.said_taken = true;
}

bool LocalLauncher::start(const LaunchRequest& request, const Commit& commit) {
  if (device() == "cuda" && static_cast<std::size_t>(request.gpus) > gpus_here()) {
    throw LaunchRefused(fmt::format("a run on {} GPUs (launch.gpus_per_run): {} are here",
                                    request.gpus, gpus_here()));
  }
  if (!reserve(request.gpus)) return false;
  const Taken taken = std::exchange(reserved_, {});
  if (taken.gpus.empty()) {
    if (const auto pid = nest_.start(request, places_[taken.places.front()].slot.cpus)) {
      launch_from_nest(*pid, request, taken, commit);
      return true;
    }
  }
  launch(request, taken, commit);
  return true;
}

void LocalLauncher::launch_from_nest(pid_t pid, const LaunchRequest& request, const Taken& taken,
                                     const Commit& commit) {
  try {
    hold(request.attempt_id, {current_boot_id(), pid, start_ticks_of(pid).value_or(0)}, taken,
         commit);
  } catch (...) {
    nest_.close();  // and the process that waits for it ends
    throw;
  }
  nest_.let_go();
}

std::string LocalLauncher::gpu_list(const Taken& taken) const {
  std::string list;
  for (std::size_t place : taken.places)
    list += (list.empty() ? "" : ",") + places_[place].slot.gpu_uuid;
  return list;
}

void LocalLauncher::launch(const LaunchRequest& request, const Taken& taken, const Commit& commit) {
  std::array<int, 2> go{};
  if (::pipe2(go.data(), O_CLOEXEC) != 0)
    throw std::runtime_error(fmt::format("making a pipe failed: {}", std::strerror(errno)));
  const std::string gpus = gpu_list(taken);
  std::vector<int> locks;
  for (const auto& lock : taken.gpus) locks.push_back(lock->descriptor());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(go[1]);  // or we would wait for ourselves
    become_trainer(options_.program.c_str(), request.config_file.c_str(), request.log_file.c_str(),
                   places_[taken.places.front()].slot.cpus, gpus, locks, go[0]);
  }
  const int reason = errno;
  ::close(go[0]);
  if (pid < 0) {
    ::close(go[1]);
    throw std::runtime_error(
        fmt::format("starting {} failed: {}", options_.program.string(), std::strerror(reason)));
  }
  try {
    hold(request.attempt_id, {current_boot_id(), pid, start_ticks_of(pid).value_or(0)}, taken,
         commit);
  } catch (...) {
    ::close(go[1]);
    throw;
  }
  (void)!::write(go[1], "g", 1);
  ::close(go[1]);
}

// The process waits until this is over. It stays a zombie until we reap it, so that its number is
// its own.
void LocalLauncher::hold(int64_t attempt_id, const ProcessIdentity& identity, const Taken& taken,
                         const Commit& commit) {
  processes_[attempt_id] = {identity.pid, open_process(identity), true, taken,
                            kernel_memory_kills()};
  for (std::size_t place : taken.places) places_[place].busy = true;
  LaunchPlace where{identity.boot_id, identity.pid, identity.start_ticks, {}, {}};
  if (!taken.gpus.empty()) where.gpu_uuid = gpu_list(taken);
  commit(where);
}

void LocalLauncher::adopt(const std::vector<EarlierAttempt>& attempts) {
  for (const EarlierAttempt& attempt : attempts) {
    const LaunchPlace& place = attempt.place;
    std::optional<ProcessIdentity> known;
    if (place.pid && place.boot_id && place.start_ticks) {
      known = ProcessIdentity{*place.boot_id, *place.pid, *place.start_ticks};
    } else {
      // Without a recorded process none was let go, unless the record itself was lost.
      known = find_trainer(options_.program, attempt.request.config_file);
    }
    const int descriptor = known ? open_process(*known) : -1;
    if (descriptor < 0) {
      gone_.push_back(attempt.request.attempt_id);
      continue;
    }
    // When no place of ours is free (fewer than before), it goes on without one.
    const std::vector<std::size_t> places = places_of(attempt, known->pid);
    for (std::size_t place : places) places_[place].busy = true;
    processes_[attempt.request.attempt_id] = {known->pid, descriptor, false, {places, {}}, 0};
  }
}

// Its own GPUs, or the processors that it is pinned to; any free CPU slot otherwise.
std::vector<std::size_t> LocalLauncher::places_of(const EarlierAttempt& attempt,
                                                  int64_t pid) const {
  std::vector<std::size_t> found;
  std::istringstream list(attempt.place.gpu_uuid.value_or(""));
  for (std::string uuid; std::getline(list, uuid, ',');) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (places_[i].busy || places_[i].slot.gpu_uuid != uuid) continue;
      found.push_back(i);
      break;
    }
  }
  if (attempt.place.gpu_uuid) return found;
  for (std::size_t i = places_.size(); i-- > 0;) {
    const Slot& slot = places_[i].slot;
    if (places_[i].busy || !slot.gpu_uuid.empty()) continue;
    found = {i};
    if (!slot.cpus.empty() && runs_on(pid, slot.cpus)) break;
  }
  return found;
}

std::vector<AttemptState> LocalLauncher::states(std::chrono::milliseconds patience) {
  std::vector<pollfd> waiting;
  std::vector<int64_t> ids;
  for (const auto& [id, process] : processes_) {
    waiting.push_back({process.descriptor, POLLIN, 0});
    ids.push_back(id);
  }
  std::vector<AttemptState> states;
  for (int64_t id : std::exchange(gone_, {}))
    states.push_back({.attempt_id = id, .where = Whereabouts::kGone});
  ::poll(waiting.data(), waiting.size(), states.empty() ? static_cast<int>(patience.count()) : 0);
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const Process process = processes_.at(ids[i]);
    if (waiting[i].revents != 0) {
      states.push_back(end_of(ids[i], process));
    } else {
      states.push_back({.attempt_id = ids[i],
                        .where = Whereabouts::kRunning,
                        .place = fmt::format("process {}", process.pid)});
    }
  }
  return states;
}

AttemptState LocalLauncher::end_of(int64_t attempt_id, const Process& process) {
  AttemptState end{.attempt_id = attempt_id, .where = Whereabouts::kGone};
  int status = 0;
  // An adopted process is no child: init reaps it, and code and signal stay unknown.
  if (process.child && ::waitpid(static_cast<pid_t>(process.pid), &status, 0) > 0) {
    if (WIFEXITED(status)) end.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    // The kernel tells nobody whom it killed, but it counts.
    if (end.signal == SIGKILL && kernel_memory_kills() > process.memory_kills)
      end.cause = db::Outcome::kOutOfMemory;
  }
  ::close(process.descriptor);
  for (std::size_t place : process.taken.places) places_[place].busy = false;
  processes_.erase(attempt_id);
  return end;
}

void LocalLauncher::stop(int64_t attempt_id, bool at_once) {
  const auto at = processes_.find(attempt_id);
  if (at != processes_.end()) signal_process(at->second.descriptor, at_once ? SIGKILL : SIGTERM);
}

}  // namespace crosslaw::sweep
