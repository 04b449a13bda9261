#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "trainer/checkpoint_writer.h"
#include "trainer/gradient_exchange.h"
#include "trainer/model/parameters.h"
#include "trainer/ranks/communicator.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// Whether all ranks say so; all of them ask together.
bool all_agree(Communicator& ranks, const Parameters& parameters, bool yes);

// Publishes the state of a run's ranks; all of them call it together, rank 0 writes. Each bucket is
// gathered when its turn in the file comes: rank 0 holds one bucket more than the others, and
// training stands still meanwhile. Files are those of publish_checkpoint, to the last byte.
void stream_checkpoint(const Parameters& parameters, GradientExchange& exchange,
                       const Communicator& ranks, const ModelShape& shape,
                       const CheckpointState& state, bool resumable,
                       const std::filesystem::path& folder);

// What one run starts from and leaves behind: on rank 0's disk, of all ranks.
class RunCheckpoints {
 public:
  struct Hooks {  // may be empty
    std::function<void(const CheckpointLine&)> on_checkpoint;
    std::function<void(const std::string&)> say;
  };
  // All must outlive it. Throws Refused when the disk has no room for the checkpoints.
  RunCheckpoints(const TrainConfig& config, std::filesystem::path folder, Parameters& parameters,
                 GradientExchange& exchange, Communicator& ranks, Hooks hooks);

  // Best start first: a checkpoint of this run or of the trajectory that it shares, else the
  // parent's weights, else random ones. A damaged candidate costs time, not the run; a damaged
  // parent is refused, for to train from something else would be another run under the same key.
  // The step to go on from.
  int64_t restore();

  // By the clock of rank 0: less often than asked for where checkpoints would cost more than their
  // share of the time.
  bool due() const;
  bool asked_for_after(int64_t step) const { return publish_steps_.contains(step); }

  // Copies the state of all ranks and lets it be written beside the steps that follow. Where rank
  // 0's host has no room for the copy it is written now, tensor by tensor. The one before is
  // finished first.
  void publish(int64_t step, bool resumable);
  // Reports one that has been written meanwhile; finish() waits for it.
  void look() { report(writer_.published()); }
  void finish() { report(writer_.wait()); }

  // The last one that is there; empty: none.
  const std::string& last() const { return last_; }

 private:
  using Clock = std::chrono::steady_clock;

  void say(const std::string& message) const;
  std::optional<int64_t> resume_from(const std::string& candidate);
  void load_parent();
  void collect_state(bool resumable);
  void report(const std::optional<CheckpointWriter::Checkpoint>& published);
  bool is_first() const { return ranks_.rank() == 0; }

  const TrainConfig& config_;
  const Recipe& recipe_;
  std::filesystem::path folder_;
  Parameters& parameters_;
  GradientExchange& exchange_;
  Communicator& ranks_;
  Hooks hooks_;
  std::string key_, trajectory_;
  std::set<int64_t> publish_steps_;  // a set, for the loop asks at each step
  Clock::time_point last_time_ = Clock::now();
  double seconds_ = 0;          // that training stood still for the last one
  std::string last_, passing_;  // passing: to be deleted when the next one is there
  CheckpointWriter writer_;
};

}  // namespace crosslaw::trainer
