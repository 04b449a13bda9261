#pragma once

#include <map>
#include <memory>

#include "sweep/launch/process.h"
#include "sweep/launch/program.h"
#include "sweep/launch/run_launcher.h"
#include "sweep/spec/launch_spec.h"

namespace crosslaw::sweep {

// What a batch system's listing says of one job.
struct QueueEntry {
  std::string job;
  std::string token;  // of its attempt; empty where the listing cannot carry it
  Whereabouts where = Whereabouts::kUnknown;
  std::string node;
  std::string blocked;  // see AttemptState
  std::optional<int64_t> code, signal;
  std::optional<db::Outcome> cause;
};

// How one batch system is spoken to: which programs with which arguments, and how their answers are
// read. Never through a shell.
struct BatchSystem {
  using Arguments = std::vector<std::string>;
  std::string name;  // as the store keeps it: "slurm"
  std::function<Arguments(const LaunchRequest&, const std::filesystem::path& script)> submit;
  // Several attempts of one shape as one submission, and how many at most; absent where the system
  // knows no such thing. The array bears the first one's token;
  // a listing then names a task JOB_INDEX and its token TOKEN_INDEX.
  std::function<Arguments(const LaunchRequest& first, const std::filesystem::path& script,
                          std::size_t tasks)>
      submit_array;
  std::string task_variable;  // of the environment of a task: its index
  std::function<std::size_t()> most_tasks;
  // Files beside the script that `submit` names; usually none.
  std::function<void(const LaunchRequest&, const std::filesystem::path& script)> prepare;
  // The job's name in what a submission printed.
  std::function<std::optional<std::string>(const std::string& output)> job_of;
  // Where a job is named before it is submitted: the name for a token; else empty.
  std::function<std::string(const std::string& token)> job_named;
  // What a failed submission means, by its words: full for now, or not certain to have failed.
  std::function<bool(const std::string&errors)> is_full, is_uncertain;
  std::function<Arguments(const std::vector<std::string>& jobs)> list;
  std::function<std::vector<QueueEntry>(const std::string& output)> entries;
  std::function<Arguments(const std::string& job, Whereabouts where, bool at_once)> cancel;
};

// Nodes, and GPUs of each, for a run on so many GPUs.
struct JobShape {
  int64_t nodes = 1, gpus = 1;
};
JobShape job_shape(const LaunchSpec& launch, int64_t gpus);

struct QueueOptions {
  std::filesystem::path program;  // the trainer
  std::string device = "cpu";
  bool needs_binding = false;    // a job without CUDA_VISIBLE_DEVICES must not train
  std::string wrapper;           // before the trainer of several GPUs, as "srun"; or empty
  std::size_t most_jobs = 1000;  // of ours in the queue at a time
  std::size_t array_size = 1;    // runs of one submission at most, where the system has arrays
  std::size_t places = 1;        // that jobs may run on at a time, for estimates of time
  std::chrono::milliseconds first_poll{2000}, longest_poll{180'000};
  std::chrono::milliseconds call_limit{15'000};
  // So long, and at two listings, a job must be missing before it counts as gone.
  std::chrono::milliseconds grace{60'000};
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

// Trainers as jobs of a batch system. One listing tells of all of them; the interval between two
// grows while nothing changes, for a run's own files are read in between. A listing that fails says
// nothing about any job. The token is in the store before the submission, so that a job whose
// number was never stored is found by it; where a listing has no tokens, the job's script sees to
// it that an attempt begins once, and not after a newer one.
//
// With arrays, starts are collected until the next look: equal ones become one submission. Which
// task of which array an attempt is stands in its folder before the submission.
class QueueLauncher : public RunLauncher {
 public:
  QueueLauncher(BatchSystem system, QueueOptions options);

  std::string backend() const override { return system_.name; }
  std::string device() const override { return options_.device; }
  std::size_t places() const override { return options_.places; }
  bool detaches() const override { return true; }
  bool reserve(int64_t gpus) override;
  bool start(const LaunchRequest& request, const Commit& commit) override;
  void adopt(const std::vector<EarlierAttempt>& attempts) override;
  std::vector<AttemptState> states(std::chrono::milliseconds patience) override;
  void stop(int64_t attempt_id, bool at_once) override;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stop { kNo, kWithCheckpoint, kAtOnce };
  struct Attempt {
    std::string token, job;                  // as the listing knows it
    std::optional<ProcessIdentity> process;  // of one that was started here, without the queue
    AttemptState state;
    Clock::time_point submitted;
    int times_missing = 0;
    Clock::time_point missing_since;
    Stop stop = Stop::kNo, stop_sent = Stop::kNo;
  };

  // A start whose submission is still to come.
  struct Waiting {
    LaunchRequest request;
    Commit commit;
  };
  enum class Answer { kTaken, kFull, kUncertain, kRefused };

  bool collects() const;
  void submit_waiting();
  std::vector<int64_t> equal_ones();
  Answer submit(const std::vector<int64_t>& group);
  Answer read_answer(const ProgramEnd& end, const LaunchRequest& first,
                     std::optional<std::string>& job);
  void submitted(int64_t attempt_id, const std::string& job, const Commit& commit);
  void refuse(int64_t attempt_id, const std::string& why);
  void poll(std::chrono::milliseconds patience);
  void read(const ProgramEnd& listing);
  void see(Attempt& attempt, const std::vector<const QueueEntry*>& jobs);
  void miss(Attempt& attempt);
  void send_stop(Attempt& attempt);

  BatchSystem system_;
  QueueOptions options_;
  std::map<int64_t, Attempt> attempts_;
  std::map<int64_t, Waiting> waiting_;
  std::size_t most_tasks_ = 0;  // of an array for now; 0: not asked for yet
  std::string complaint_;       // of the last submission
  std::unique_ptr<ProgramCall> listing_;
  Clock::time_point listing_began_, next_poll_, full_until_;
  std::chrono::milliseconds interval_;
  bool answers_ = true, said_full_ = false;
};

// The script that a job runs: one attempt, at most once, and only while it is the newest.
std::string job_script(const LaunchRequest& request, const QueueOptions& options);
std::filesystem::path job_script_file(const LaunchRequest& request);

// The script of an array: a task becomes the script of its attempt.
std::string array_script(const std::vector<LaunchRequest>& requests,
                         const std::string& task_variable);
// Beside an attempt's config: its name in listings, where that is not its token.
std::filesystem::path task_file(const LaunchRequest& request);

}  // namespace crosslaw::sweep
