#pragma once

#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// How long a run takes on one slot: seconds = start-up + FLOPs / speed, learnt from finished runs
// and from those that train. The start-up is what a trainer lives beyond its training, known from
// the first finished run on, and what small runs train longer than their FLOPs say. Runs count by
// their relative error, for at the end of a sweep many small ones are left. Until three are there
// their mean speed counts, before that a stated or typical one.
class RunSpeed {
 public:
  RunSpeed(const LaunchSpec& launch, bool gpu);
  // `seconds` from start to end, `training_seconds` as the trainer counted them.
  void add(double flops, double seconds, double training_seconds);
  // What a run that still trains has done so far: large runs come first, and the first one ends
  // late. It also tells of a machine that has become slower since the last run ended.
  void add_part(double flops, double training_seconds);
  bool measured() const { return count_ > 0; }
  double seconds(double flops) const;

  // FLOPs a second of one slot, before anything was measured.
  static double assumed(const LaunchSpec& launch, bool gpu);

 private:
  double assumed_;
  double ended_ = 0, beside_ = 0;  // finished runs, and their seconds that were not training
  double count_ = 0, flops_ = 0, seconds_ = 0;  // sums over runs and parts of runs
  // Sums of training over FLOPs, weighted by 1 / training seconds squared.
  double weight_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;
};

}  // namespace crosslaw::sweep
