#pragma once

#include <filesystem>
#include <functional>

#include "trainer/ranks/communicator.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// How the loop reports; every hook may be empty.
struct TrainHooks {
  std::function<void(const EvalLine&)> on_eval;
  std::function<void(const TrainLines&)> on_train;
  std::function<void(const CheckpointLine&)> on_checkpoint;
  std::function<void(const ChoiceLine&)> on_choices;
  std::function<void(int64_t step, double tokens_per_second)> on_step;
  // All that was reported must be on the disk when this returns.
  std::function<void()> sync;
  std::function<void(const std::string&)> say;
  std::function<bool()> should_stop;  // asked once a step; true: publish a checkpoint and return
};

// Trains, as one of the ranks of a run, from the best start state the config names (a checkpoint of
// the same trajectory, else the parent's weights, else random weights) to the end of the schedule.
// Expected ends are outcomes: done, diverged, stopped, out of memory, refused (wrong device,
// damaged parent or data), crashed (another rank was lost). `folder` receives the checkpoints. Rank
// 0 alone reports and writes; each rank asks its own should_stop, and all stop after the same step.
// Throws for what should not happen (disk full, CUDA fault).
RunResult train(const TrainConfig& config, const std::filesystem::path& folder,
                const TrainHooks& hooks, Communicator& ranks);
// A run of one rank.
RunResult train(const TrainConfig& config, const std::filesystem::path& folder,
                const TrainHooks& hooks);

}  // namespace crosslaw::trainer
