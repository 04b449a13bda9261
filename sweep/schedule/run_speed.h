#pragma once

#include <array>

#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// What a run asks of one slot.
struct RunWork {
  double tokens = 0;
  double flops = 0;
};

// How long it takes there: seconds = start + a_token * tokens + a_flop * FLOPs.
struct RunTime {
  double start = 0;    // what a trainer lives beyond its tokens
  double a_token = 0;  // seconds a token beyond its FLOPs: most of the time of the smallest models
  double a_flop = 0;

  double training(const RunWork& work) const { return a_token * work.tokens + a_flop * work.flops; }
  double seconds(const RunWork& work) const { return start + training(work); }
};

// RunTime as learnt from finished runs and from those that train. What the runs cannot tell apart
// yet, tokens and FLOPs of equal models, stays in the proportion of a typical machine.
class RunSpeed {
 public:
  RunSpeed(const LaunchSpec& launch, bool gpu);
  // `seconds` from start to end, `training_seconds` as the trainer counted them.
  void add(const RunWork& work, double seconds, double training_seconds);
  // What a run that still trains has done so far.
  void add_part(const RunWork& work, double training_seconds);
  bool measured() const { return count_ > 0 || part_seconds_ > 0; }
  RunTime time() const;

  // Of a typical slot, or of the speed that the spec states.
  static RunTime typical(const LaunchSpec& launch, bool gpu);

 private:
  using Terms = std::array<double, 3>;  // of 1, tokens and FLOPs
  RunTime finished() const;

  RunTime stated_;                 // or typical, until something was measured
  RunTime typical_;                // machine, whose proportions count
  double count_ = 0, beside_ = 0;  // sums over finished runs; beside_: seconds not training
  double training_ = 0;
  RunWork work_;
  RunWork part_;  // likewise, of those that train
  double part_seconds_ = 0;
  // Sums of products of the terms, each over the run's training seconds.
  std::array<Terms, 3> products_{};
  Terms sums_{};
};

}  // namespace crosslaw::sweep
