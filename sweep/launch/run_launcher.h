#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "db/files/outcome.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {

struct LaunchRequest {
  int64_t attempt_id = 0;
  std::string token;                  // of the attempt; in a queue it names the job for good
  std::string label;                  // for people who look at the queue
  std::filesystem::path config_file;  // its folder is the attempt's
  std::filesystem::path log_file;     // receives its output
  std::vector<std::string> avoid_nodes;
  int64_t gpus = 1;  // of a run on GPUs: one a rank
};

// Where an attempt was started. Kept by the store, so that a later launcher finds it again.
struct LaunchPlace {
  // A process on this machine; start_ticks and the boot tell it from a later one of the same
  // number.
  std::optional<std::string> boot_id;
  std::optional<int64_t> pid, start_ticks;
  std::optional<std::string> gpu_uuid;  // of several GPUs a list, as in CUDA_VISIBLE_DEVICES
  // A queue's job.
  std::optional<std::string> job;
};

// Stored instead of the job number when the queue has reported its end but the scheduler has not
// judged it: `crosslaw stop` only ends.
inline constexpr const char* kEndedJob = "ended";

// An attempt that an earlier launcher started, perhaps: it may have been killed before.
struct EarlierAttempt {
  LaunchRequest request;
  LaunchPlace place;
  std::string host;     // on which that launcher ran
  std::string backend;  // and its kind
};

// How an attempt ends that never came to train.
using trainer::kExitCannotStart;
using trainer::kExitNoDevice;
using trainer::kExitNotFound;
using trainer::kExitNotLetGo;

enum class Whereabouts {
  kQueued,   // waits for its turn
  kRunning,  // a process of it exists
  kGone,     // it ended, or never began, and will not begin any more
  kUnknown,  // nobody could be asked: says nothing
};

struct AttemptState {
  int64_t attempt_id = 0;
  Whereabouts where = Whereabouts::kUnknown;
  std::string place;                     // for people: "process 123", "Slurm job 17 on n2"
  std::optional<std::string> node, job;  // as far as a queue has told
  // Of a queued one: why it can never start, in the queue's words; empty: it may.
  std::string blocked;
  // Of one that is gone, as far as known. A cause is a hint: the run's own result.json counts more.
  std::optional<int64_t> code, signal;
  std::optional<db::Outcome> cause;
  std::string message;  // why it was never started, in the queue's words
};

// What is asked for will never be given: every further run would be refused, too.
struct LaunchRefused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Starts one trainer an attempt and tells where each of them is. Attempts outlive the launcher. It
// judges nothing: the scheduler does, by the files that an attempt leaves.
class RunLauncher {
 public:
  using Commit = std::function<void(const LaunchPlace&)>;
  virtual ~RunLauncher() = default;

  virtual std::string backend() const = 0;
  // What a run trains on, "cpu" or "cuda". On which one is decided where it starts.
  virtual std::string device() const = 0;
  // Attempts that may be there at a time.
  virtual std::size_t places() const = 0;
  // Whether what runs goes on by itself when the scheduler is asked to end.
  virtual bool detaches() const = 0;

  // Makes sure of a place for one more attempt on so many GPUs; false when there is none for now.
  // What will never fit is for start() to refuse.
  virtual bool reserve(int64_t gpus) = 0;
  // Starts an attempt on the reserved place. `commit` stores where, before the run can do anything
  // (a process) or as soon as the queue has named it (a job); in between the token finds it.
  // False: the queue took no more for now; nothing was started. Throws LaunchRefused with the
  // queue's words for what it will never take.
  virtual bool start(const LaunchRequest& request, const Commit& commit) = 0;
  // Takes over what earlier launchers started; states() tells of all of them from now on.
  virtual void adopt(const std::vector<EarlierAttempt>& attempts) = 0;
  // Of every attempt that was started or adopted, each gone one once. Waits for at most `patience`
  // for news.
  virtual std::vector<AttemptState> states(std::chrono::milliseconds patience) = 0;
  // Asks an attempt to publish a checkpoint and end, or ends it at once. Repeated when it fails.
  virtual void stop(int64_t attempt_id, bool at_once) = 0;
};

}  // namespace crosslaw::sweep
