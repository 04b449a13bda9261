#pragma once

#include <cstdint>
#include <vector>

#include "sweep/estimate/timetable.h"

namespace crosslaw::sweep {

// 419 unexpected interruptions of 16,384 H100 in 54 days (Llama 3, arXiv:2407.21783,
// section 3.3.4).
inline constexpr double kFailuresAGpuDay = 419.0 / (16384.0 * 54.0);

struct FailureOptions {
  double failures_a_gpu_day = kFailuresAGpuDay;  // each ends the run that uses the GPU
  double restart_seconds = 300;       // until a run trains again, from its last checkpoint
  double write_bytes_a_second = 1e9;  // of a checkpoint; the run waits for it
  int64_t simulated_sweeps = 200;
  uint64_t seed = 1;
};

// What failures and checkpoints cost beyond the training itself, all runs together.
struct IntervalLoss {
  double interval_seconds = 0;      // of training between two checkpoints
  double expected_gpu_seconds = 0;  // by Daly's formula
  // By simulation: the mean, and the range of 90 % of the sweeps. NaN where the sweep would not
  // end.
  double mean_gpu_seconds = 0, low_gpu_seconds = 0, high_gpu_seconds = 0;
};

struct FailureForecast {
  double expected_failures = 0;         // in the GPU-seconds of the training itself
  std::vector<IntervalLoss> intervals;  // as asked for, the best one included, rising
  double best_interval_seconds = 0;     // one for all runs; by Daly's formula
  // Of the run with the most GPU-seconds: the square root of twice the checkpoint's time and the
  // mean time between failures (Young 1974), and Daly's refinement (2006, equation 37).
  std::size_t largest_run = 0;
  double largest_checkpoint_seconds = 0, largest_mean_seconds_between = 0;
  double young_seconds = 0, daly_seconds = 0;
};

double young_interval(double checkpoint_seconds, double mean_seconds_between);
double daly_interval(double checkpoint_seconds, double mean_seconds_between);

// Mean seconds until `work` seconds are done, under failures that come at random (Daly 2006,
// equation 20); infinite where hardly any interval ends without one.
double expected_seconds(double work, double interval, double checkpoint_seconds,
                        double restart_seconds, double mean_seconds_between);

// The runs that the timetable trains. `intervals`: of training between two checkpoints, positive.
FailureForecast forecast_failures(const Plan& plan, const std::vector<RunEstimate>& estimates,
                                  const Timetable& timetable, std::vector<double> intervals,
                                  const FailureOptions& options);

}  // namespace crosslaw::sweep
