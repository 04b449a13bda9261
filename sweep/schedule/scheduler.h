#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/run_store.h"
#include "sweep/launch/run_launcher.h"
#include "sweep/plan/plan.h"
#include "sweep/schedule/run_speed.h"
#include "trainer/corpus/corpus.h"

namespace crosslaw::sweep {

struct SchedulerOptions {
  std::filesystem::path folder;  // the sweep's
  std::string host;
  std::string boot_id;
  LaunchSpec launch;
  double checkpoint_every_seconds = 600;
  bool source_loss_at_end_only = false;
};

// What a printer may want to know, at any time.
struct Progress {
  int64_t total = 0, done = 0, diverged = 0, failed = 0, blocked = 0, running = 0, waiting = 0;
  double flops_total = 0, flops_done = 0;
  std::optional<double> remaining_seconds;
  bool measured = false;  // false: that is by a stated or typical speed, no run has ended yet
  double share = 0;       // of the work in time, by what runs took: the one measure of progress
  double elapsed_seconds = 0, flops_per_second = 0;  // since run() began
  std::vector<std::string> running_names;
};

enum class SweepEnd { kFinished, kInterrupted };

struct SchedulerHooks {
  std::function<void(const Progress&)> on_progress;
  std::function<void(const std::string&)> say;
  std::function<int()>
      interrupts;  // how often Ctrl-C was pressed: 1 stops with checkpoints, 2 at once
  std::function<int64_t()> now_ms;
};

// Trains what the plan holds and the store has not done: start what is ready and fits, reap what
// ends, repeat. What was done before is never repeated; what an earlier process left running is
// taken over.
class Scheduler {
 public:
  Scheduler(const Plan& plan, const trainer::Corpus& corpus, db::RunStore& store,
            RunLauncher& launcher, std::vector<Slot> slots, SchedulerOptions options,
            SchedulerHooks hooks);

  SweepEnd run();
  Progress progress() const;

 private:
  enum class State { kWaiting, kRunning, kDone, kDiverged, kFailed };

  struct Job {
    const PlannedRun* planned = nullptr;
    int64_t run_id = 0;
    State state = State::kWaiting;
    int64_t attempts = 0;  // ever
    int64_t crashes = 0;   // in this invocation, since it last got further
    int64_t kills = 0;     // likewise
    int64_t memory_failures = 0;
    int64_t micro_batch = 0;  // 0: as the trainer decides
    int64_t not_before_ms = 0;
    double urgency = 0;  // FLOPs of the longest chain of runs that starts here
    int64_t best_step = 0;
  };

  struct Live {
    size_t job = 0;
    size_t slot = 0;  // slots_.size(): adopted on a slot that is not ours any more
    std::string folder, token;
    int64_t log_offset = 0;
    int64_t started_ms = 0;
    std::string heartbeat;
    std::chrono::steady_clock::time_point heartbeat_seen;
    bool hung = false;
  };

  // One more failure of a run, and what this kind of failure asks for.
  struct Failure {
    int64_t times = 0;    // that the run failed in this way, this one included
    int64_t allowed = 0;  // after so many it is given up
    int64_t wait_ms = 0;  // before the next try
    std::string why;
  };

  void load_jobs();
  void settle_earlier_attempts();
  void check_parents();
  void require_checkpoint(const StartPoint& start, bool check_hashes);
  void start_what_fits();
  bool ready(const Job& job) const;
  bool blocked(const Job& job) const;
  std::optional<size_t> free_slot() const;
  void start(size_t job, size_t slot);
  void write_attempt_config(const Job& job, const Slot& slot, const std::string& token,
                            const std::filesystem::path& folder) const;
  std::vector<std::string> start_checkpoints(const Job& job) const;
  std::optional<std::string> checkpoint_at(const Job& job, int64_t step) const;
  void finish(const ProcessExit& exit);
  db::AttemptEnd end_of(const ProcessExit& exit, const Live& live) const;
  void judge(Job& job, const db::AttemptEnd& end);
  void retry(Job& job, const Failure& failure);
  void drop_spent_checkpoints(size_t job);
  void read_running();
  void stop_running();
  bool finished() const;
  double done_share(const Live& live) const;

  const Plan& plan_;
  const trainer::Corpus& corpus_;
  db::RunStore& store_;
  RunLauncher& launcher_;
  std::vector<Slot> slots_;
  SchedulerOptions options_;
  SchedulerHooks hooks_;
  std::vector<Job> jobs_;         // as plan_.runs
  std::map<int64_t, Live> live_;  // by attempt
  std::vector<bool> slot_busy_;
  std::vector<int64_t> slot_not_before_ms_;  // of a slot that another program used
  RunSpeed speed_;
  int64_t begun_ms_ = 0;       // run(); 0: not yet
  double flops_at_begin_ = 0;  // of runs that were done before
};

}  // namespace crosslaw::sweep
