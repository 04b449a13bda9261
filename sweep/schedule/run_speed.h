#pragma once

#include <vector>

#include "sweep/launch/slots.h"

namespace crosslaw::sweep {

// How long a run takes on one slot: seconds = start-up + FLOPs / speed, learnt from finished runs;
// until three are there, a stated or typical speed.
class RunSpeed {
 public:
  RunSpeed(const LaunchSpec& launch, const std::vector<Slot>& slots);
  void add(double flops, double seconds);
  double seconds(double flops) const;

  // FLOPs a second of one slot, before anything was measured.
  static double assumed(const LaunchSpec& launch, bool gpu);

 private:
  double assumed_;
  double count_ = 0, flops_ = 0, seconds_ = 0, flops_squared_ = 0, product_ = 0;  // sums
};

}  // namespace crosslaw::sweep
