#include "sweep/schedule/run_speed.h"

#include <algorithm>

namespace crosslaw::sweep {
namespace {

// Typical speeds of one slot: a CPU core on small models, 40 % of an H100's dense bf16 peak of 989
// TFLOP/s.
constexpr double kTypicalCpu = 1.5e10;
constexpr double kTypicalGpu = 4e14;

constexpr double kRunsForAFit = 3;  // two would always lie on a line
// Below this relative spread of the sizes the slope is noise, and one mean speed says as much.
constexpr double kSmallestSpread = 1e-9;

}  // namespace

double RunSpeed::assumed(const LaunchSpec& launch, bool gpu) {
  if (launch.flops_per_second > 0) return launch.flops_per_second;
  return gpu ? kTypicalGpu : kTypicalCpu * static_cast<double>(launch.threads_per_run);
}

RunSpeed::RunSpeed(const LaunchSpec& launch, const std::vector<Slot>& slots)
    : assumed_(assumed(launch, !slots.empty() && !slots.front().gpu_uuid.empty())) {}

void RunSpeed::add(double flops, double seconds) {
  count_ += 1;
  flops_ += flops;
  seconds_ += seconds;
  flops_squared_ += flops * flops;
  product_ += flops * seconds;
}

// Least squares, with neither a negative start-up time nor a negative speed.
double RunSpeed::seconds(double flops) const {
  if (count_ < kRunsForAFit || flops_ <= 0) return flops / assumed_;
  double variance = flops_squared_ - flops_ * flops_ / count_;
  double covariance = product_ - flops_ * seconds_ / count_;
  double slope =
      variance > kSmallestSpread * flops_squared_ ? covariance / variance : seconds_ / flops_;
  double startup = (seconds_ - slope * flops_) / count_;
  if (slope < 0) slope = 0, startup = seconds_ / count_;
  if (startup < 0) slope = seconds_ / flops_, startup = 0;
  return startup + slope * flops;
}

}  // namespace crosslaw::sweep
