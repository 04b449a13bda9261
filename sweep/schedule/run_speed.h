#pragma once

#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// How long a run takes on one slot: seconds = start-up + FLOPs / speed, learnt from finished runs.
// The start-up is what a trainer lives beyond its training, known from the first run on, and what
// small runs train longer than their FLOPs say. Runs count by their relative error, for at the end
// of a sweep many small ones are left. Until three are there their mean speed counts, before that
// the speed of those that train, and before that a stated or typical one. Where those that train
// are slower or faster than that foresees, so will be the others.
class RunSpeed {
 public:
  RunSpeed(const LaunchSpec& launch, bool gpu);
  // `seconds` from start to end, `training_seconds` as the trainer counted them.
  void add(double flops, double seconds, double training_seconds);
  // What a run that still trains has done so far.
  void add_part(double flops, double training_seconds);
  bool measured() const { return count_ > 0 || part_flops_ > 0; }
  double seconds(double flops) const;

  // FLOPs a second of one slot, before anything was measured.
  static double assumed(const LaunchSpec& launch, bool gpu);

 private:
  struct Line {
    double startup, slope;  // seconds, and seconds a FLOP, of the training alone
  };
  Line line() const;

  double assumed_;
  double count_ = 0, beside_ = 0, flops_ = 0, seconds_ = 0;  // sums; beside_: not training
  double part_flops_ = 0, part_seconds_ = 0;                 // likewise, of those that train
  // Sums of training over FLOPs, weighted by 1 / training seconds squared.
  double weight_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;
};

}  // namespace crosslaw::sweep
