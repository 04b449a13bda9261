#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sweep/plan/plan.h"
#include "sweep/schedule/run_speed.h"
#include "sweep/spec/gpu_file.h"

namespace crosslaw::sweep {

// Seconds of one optimizer step of a run on one slot, as measured: of its FLOPs an affine function.
struct MeasuredSteps {
  double seconds_a_step = 0;
  double seconds_a_flop = 0;
  double start_seconds = 0;  // of a trainer, before its first step
};

// Where a sweep is to be trained.
struct Machine {
  std::optional<GpuKind> gpu;   // nothing: slots of a CPU
  int64_t count = 1;            // GPUs, or slots
  double dollars_an_hour = 0;   // of one
  int64_t gpus_per_run = 0;     // 0: the plan's; in either case as many as a run needs, if more
  std::optional<RunTime> slot;  // as stated or typical; of a GPU, none: by the step-time model
  std::optional<MeasuredSteps> measured;  // wins over both

  double hold_bytes() const;  // what a run may plan with on one GPU
};

// What one run costs there. Times are of the run's own steps: those shared with a trunk are the
// trunk's.
struct RunEstimate {
  int64_t gpus = 1;         // it trains on
  int64_t gpus_needed = 1;  // fewest that hold it; 0: however many would not
  int64_t micro_batch_sequences = 0;
  double memory_bytes = 0;  // of one GPU, or of the CPU's process
  double step_seconds = 0;
  double training_seconds = 0, evaluation_seconds = 0;
  double utilisation = 0;  // model FLOPs utilisation; 0: not known
  std::string problem;     // why it cannot be trained there; empty: it can

  double seconds() const { return training_seconds + evaluation_seconds; }
  double gpu_seconds() const { return seconds() * static_cast<double>(gpus); }
};

RunEstimate estimate_run(const PlannedRun& run, const SweepSpec& spec, const Machine& machine);

// Of a run's own steps: resume points are written where it trains longer than the spec's interval.
double resume_bytes(const PlannedRun& run, const SweepSpec& spec, const RunEstimate& estimate);

}  // namespace crosslaw::sweep
