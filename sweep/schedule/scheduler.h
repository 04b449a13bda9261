#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/files/inside_folder.h"
#include "db/run_store.h"
#include "sweep/launch/gpu_lock.h"
#include "sweep/launch/run_launcher.h"
#include "sweep/plan/plan.h"
#include "sweep/schedule/requests.h"
#include "sweep/schedule/retry_rules.h"
#include "sweep/schedule/run_speed.h"
#include "trainer/corpus/corpus.h"

namespace crosslaw::sweep {

// What every attempt is started with, for its record.
struct Origin {
  std::string build, program_sha256;
  std::vector<GpuFacts> gpus;  // of this machine
};

struct SchedulerOptions {
  std::filesystem::path folder;  // the one that holds runs/, as every machine of the sweep sees it
  std::string host;
  LaunchSpec launch;
  double checkpoint_every_seconds = 600;
  double checkpoint_time_share = 0.02;
  bool deterministic = false;
  bool source_loss_at_ends_only = false;
  int64_t source_course_tokens = 0;  // of a continued run's source loss along the way; 0: all
  Origin origin;
};

// What a printer may want to know, at any time.
struct Progress {
  int64_t total = 0, done = 0, diverged = 0, failed = 0, cancelled = 0, blocked = 0, running = 0,
          waiting = 0;
  int64_t queued = 0;  // of the running ones, those that wait in a batch system's queue
  double flops_total = 0, flops_done = 0;
  std::optional<double> remaining_seconds;
  bool measured = false;  // false: that is by a stated or typical speed, no run has ended yet
  double share = 0;       // of the work in time, by what runs took: the one measure of progress
  double elapsed_seconds = 0, flops_per_second = 0;  // since run() began
  std::vector<std::string> running_names;
};

enum class SweepEnd {
  kFinished,
  kInterrupted,  // asked to end; every run has stopped
  kDetached,     // asked to end; the batch system goes on with what it has
  kGivenUp,      // what was wrong would have ended every further run
};

struct SchedulerHooks {
  std::function<void(const Progress&)> on_progress;
  // So often at most, for counting 10,000 runs takes a millisecond; 0: after each look.
  std::chrono::milliseconds progress_every{0};
  std::function<void(const std::string&)> say;
  std::function<int()>
      interrupts;  // how often Ctrl-C was pressed: 1 stops with checkpoints, 2 at once
  std::function<int64_t()> now_ms;
  // What users asked for since the last time.
  std::function<std::vector<Request>()> requests = [] { return std::vector<Request>(); };
};

// Trains what the plan holds and the store has not done: start what is ready and fits, reap what
// ends, repeat. What was done before is never repeated; what an earlier process left running is
// taken over.
class Scheduler {
 public:
  Scheduler(const Plan& plan, const trainer::Corpus& corpus, db::RunStore& store,
            RunLauncher& launcher, SchedulerOptions options, SchedulerHooks hooks);

  SweepEnd run();
  Progress progress() const;

 private:
  enum class State { kWaiting, kRunning, kDone, kDiverged, kFailed, kCancelled };
  using Clock = std::chrono::steady_clock;

  struct Job {
    const PlannedRun* planned = nullptr;
    int64_t run_id = 0;
    State state = State::kWaiting;
    int64_t attempts = 0;   // ever
    FailureCount failures;  // in this invocation, since it last got further
    std::vector<std::string> avoid_nodes;
    int64_t not_before_ms = 0;
    double urgency = 0;  // FLOPs of the longest chain of runs that starts here
    int64_t best_step = 0;
    bool losses_lost = false;  // of its last attempt: earlier checkpoints come before the loss
  };

  struct Live {
    std::optional<std::size_t> job;  // nothing: the spec no longer asks for the run
    std::string folder, token;
    int64_t log_offset = 0;
    int64_t started_ms = 0;
    std::optional<int64_t> micro_batch;
    bool adopted = false;  // and not seen running yet
    bool running = false;
    Whereabouts where = Whereabouts::kRunning;  // as last heard
    std::optional<std::string> node, queue_job;
    std::string blocked;  // as was said last
    std::string heartbeat;
    Clock::time_point heartbeat_seen;
    double first_step = 0;  // of the first heartbeat
    Clock::time_point first_step_seen;
    std::optional<Clock::duration> longest_silence;  // between two heartbeats
    bool hung = false, cancelled = false;

    // A heartbeat begins with the step.
    static double step_of(const std::string& heartbeat) {
      return std::strtod(heartbeat.c_str(), nullptr);
    }
  };

  // What the runs ask of slots; a run on several GPUs counts that many times.
  struct WorkTimes {
    double done_seconds = 0, remaining_seconds = 0;
    double longest_seconds = 0;  // what is left of the longest run, which no slot shortens
  };

  static Live live_of(const db::AttemptRow& attempt);
  void load_jobs();
  void settle_earlier_attempts();
  void check_parents();
  // Whether the weights that it continues are there, though their run has not ended.
  bool base_is_there(const Job& job) const;
  // The last step at which the run may be resumed: before a checkpoint that others still need.
  int64_t last_resume_step(const Job& job) const;
  void require_checkpoint(const StartPoint& start, bool check_hashes);
  void take_requests();
  void forget_divergence(Job& job);
  void give_up_unseen(std::size_t job);
  void start_what_fits();
  bool ready(const Job& job) const;
  bool blocked(const Job& job) const;
  std::optional<std::size_t> most_urgent() const;
  bool start(std::size_t job);
  // Records an attempt in a folder of its own.
  db::AttemptRow begin_attempt(Job& job);
  int64_t gpus_of(const Job& job) const;  // 1 on the CPU
  void write_attempt_config(const Job& job, const db::AttemptRow& attempt,
                            const std::filesystem::path& folder) const;
  // Sequences of a micro-batch that did not run out of memory, as far as known; 0: any may.
  int64_t micro_batch_of(const Job& job) const;
  void remember_memory(const Job& job, std::optional<int64_t> micro_batch);
  std::vector<std::string> start_checkpoints(const Job& job) const;
  // The step of the first planned loss that is not in the store; all are: the last step.
  int64_t first_unmeasured(const Job& job) const;
  // Which losses an attempt was to measure: by its config, by the plan.
  trainer::TrainConfig as_told(const Job& job, const std::filesystem::path& folder) const;
  trainer::TrainConfig as_planned(const Job& job) const;
  std::optional<std::string> checkpoint_at(const Job& job, int64_t step) const;
  void record_untold_checkpoints(const Job& job, int64_t attempt_id, const std::string& folder,
                                 int64_t log_offset);
  void observe(const AttemptState& state);
  void finish(const AttemptState& end);
  db::AttemptEnd end_of(const AttemptState& end, const Live& live) const;
  void judge(Job& job, const db::AttemptEnd& end, bool got_further);
  void try_again(Job& job, const db::AttemptEnd& end);
  void give_up_sweep(const Job& job, const db::AttemptEnd& end);
  void drop_old_resume_points(const Job& job) const;
  void drop_leftovers(const Job& job) const;
  void drop_checkpoint(const Job& job, int64_t step, const std::string& folder) const;
  bool is_spent(size_t job, int64_t step) const;
  void drop_spent_of(size_t job) const;
  void drop_spent_checkpoints(size_t job) const;
  void drop_spent_checkpoints_of_all() const;
  void read_running();
  bool silent_for_too_long(const Live& live) const;
  void stop_running();
  bool finished() const;
  double done_share(const Live& live) const;
  // `shares`: how much of each job that runs is done.
  void count_jobs(const std::vector<double>& shares, Progress& progress) const;
  WorkTimes work_times(const std::vector<double>& shares, const RunTime& time) const;
  // Learnt from finished runs and from what the running ones have done since they began.
  RunSpeed speed_so_far() const;
  RunWork work_of(const Job& job, double steps) const;  // of each of its GPUs

  const Plan& plan_;
  const trainer::Corpus& corpus_;
  db::RunStore& store_;
  RunLauncher& launcher_;
  SchedulerOptions options_;
  db::InsideFolder files_;  // options_.folder
  SchedulerHooks hooks_;
  std::vector<Job> jobs_;  // as plan_.runs
  std::vector<std::size_t> by_urgency_;
  std::vector<std::vector<std::size_t>> successors_;  // jobs that start from a job's checkpoints
  std::map<int64_t, Live> live_;                      // by attempt
  // Ended by their own word while the queue still has them, and since when.
  std::map<int64_t, Clock::time_point> ended_early_;
  std::map<std::string, int64_t> micro_batches_;  // by size: what memory allows, once it did not
  EqualFailures equal_failures_;
  std::string hopeless_;  // why the sweep cannot go on
  bool stop_asked_ = false;
  Clock::time_point next_look_, next_progress_;
  RunSpeed speed_;
  int64_t begun_ms_ = 0;       // run(); 0: not yet
  double flops_at_begin_ = 0;  // of runs that were done before
};

}  // namespace crosslaw::sweep
