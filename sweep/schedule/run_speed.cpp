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
// The pace of runs that have trained for less is hardly believed: their first steps may be slow.
constexpr double kDoubtSeconds = 10;
constexpr double kShortest = 1e-3;  // seconds; a clock that stood still must not weigh infinitely

}  // namespace

double RunSpeed::assumed(const LaunchSpec& launch, bool gpu) {
  if (launch.flops_per_second > 0) return launch.flops_per_second;
  return gpu ? kTypicalGpu : kTypicalCpu * static_cast<double>(launch.threads_per_run);
}

RunSpeed::RunSpeed(const LaunchSpec& launch, bool gpu) : assumed_(assumed(launch, gpu)) {}

void RunSpeed::add(double flops, double seconds, double training_seconds) {
  const double training = std::clamp(training_seconds, kShortest, std::max(seconds, kShortest));
  count_ += 1;
  beside_ += std::max(0.0, seconds - training);
  flops_ += flops;
  seconds_ += training;
  const double weight = 1 / (training * training);
  weight_ += weight;
  x_ += weight * flops;
  y_ += weight * training;
  xx_ += weight * flops * flops;
  xy_ += weight * flops * training;
}

void RunSpeed::add_part(double flops, double training_seconds) {
  part_flops_ += flops;
  part_seconds_ += training_seconds;
}

// Weighted least squares, with neither a negative start-up time nor a negative speed.
RunSpeed::Line RunSpeed::line() const {
  if (count_ < kRunsForAFit) return {0, seconds_ / flops_};
  const double variance = xx_ - x_ * x_ / weight_;
  const double covariance = xy_ - x_ * y_ / weight_;
  const double slope = variance > kSmallestSpread * xx_ ? covariance / variance : xy_ / xx_;
  if (slope < 0) return {y_ / weight_, 0};
  const double startup = (y_ - slope * x_) / weight_;
  if (startup < 0) return {0, xy_ / xx_};
  return {startup, slope};
}

double RunSpeed::seconds(double flops) const {
  if (count_ == 0 || flops_ <= 0)
    return part_flops_ > 0 ? flops * part_seconds_ / part_flops_ : flops / assumed_;
  const Line training = line();
  double pace = 1;
  if (training.slope > 0)
    pace = (part_seconds_ + kDoubtSeconds) / (training.slope * part_flops_ + kDoubtSeconds);
  return beside_ / count_ + pace * (training.startup + training.slope * flops);
}

}  // namespace crosslaw::sweep
