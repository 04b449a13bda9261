#pragma once

#include <map>
#include <memory>

#include "sweep/launch/gpu_lock.h"
#include "sweep/launch/process.h"
#include "sweep/launch/run_launcher.h"
#include "sweep/launch/slots.h"
#include "sweep/launch/trainer_nest.h"

namespace crosslaw::sweep {

struct LocalOptions {
  std::filesystem::path program;  // the trainer
  std::vector<Slot> slots;
  bool share_gpus = false;  // also with processes that are not ours
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

// Trainer processes on this machine, each in a session of its own, so that Ctrl-C at the terminal
// does not reach them. A GPU is held by a lock that the process inherits: it is free exactly when
// no process uses it, even if this program was killed in between.
class LocalLauncher : public RunLauncher {
 public:
  explicit LocalLauncher(LocalOptions options);
  ~LocalLauncher() override;

  std::string backend() const override { return "local"; }
  std::string device() const override;
  std::size_t places() const override { return places_.size(); }
  bool detaches() const override { return false; }
  bool reserve(int64_t gpus) override;
  bool start(const LaunchRequest& request, const Commit& commit) override;
  void adopt(const std::vector<EarlierAttempt>& attempts) override;
  std::vector<AttemptState> states(std::chrono::milliseconds patience) override;
  void stop(int64_t attempt_id, bool at_once) override;

 private:
  struct Place {
    Slot slot;
    bool busy = false;
    std::chrono::steady_clock::time_point not_before;  // others use its GPU
    bool said_taken = false;
  };
  // What one run has: a place, or as many as it uses GPUs, each with its lock (none of a CPU slot).
  struct Taken {
    std::vector<std::size_t> places;
    std::vector<std::shared_ptr<GpuLock>> gpus;
  };
  struct Process {
    int64_t pid = 0;
    int descriptor = -1;       // readable when the process has ended
    bool child = false;        // adopted processes are not ours to reap
    Taken taken;               // nothing: on no place that is ours now
    int64_t memory_kills = 0;  // of the kernel, before it started
  };

  void launch(const LaunchRequest& request, const Taken& taken, const Commit& commit);
  void launch_from_nest(pid_t pid, const LaunchRequest& request, const Taken& taken,
                        const Commit& commit);
  void hold(int64_t attempt_id, const ProcessIdentity& identity, const Taken& taken,
            const Commit& commit);
  bool take_gpu(Place& place, std::shared_ptr<GpuLock>& lock);
  void say_taken(Place& place, const std::string& by);
  bool is_ours(int64_t pid) const;
  std::size_t gpus_here() const;
  std::string gpu_list(const Taken& taken) const;
  std::vector<std::size_t> places_of(const EarlierAttempt& attempt, int64_t pid) const;
  AttemptState end_of(int64_t attempt_id, const Process& process);

  LocalOptions options_;
  TrainerNest nest_;  // of CPU runs: those on GPUs are long, and load their libraries themselves
  std::vector<Place> places_;
  Taken reserved_;
  std::map<int64_t, Process> processes_;  // by attempt
  std::vector<int64_t> gone_;             // adopted ones that were not there any more
};

// crosslaw-train, beside this program. Throws std::runtime_error when it is not there.
std::filesystem::path trainer_program();

}  // namespace crosslaw::sweep
