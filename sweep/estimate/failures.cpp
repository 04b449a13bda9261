#include "sweep/estimate/failures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

constexpr double kSecondsADay = 86400;
// Longer than this, in units of the work itself, nobody waits: such a sweep is not simulated.
constexpr double kHopelessFactor = 100;
constexpr double kShortestInterval = 10, kLongestInterval = 30 * kSecondsADay;
constexpr int kSearchSteps = 60;
constexpr double kLowShare = 0.05, kHighShare = 0.95;

// A run as failures see it.
struct Exposed {
  double gpus = 0, work_seconds = 0, checkpoint_seconds = 0, between_seconds = 0;
};

std::vector<Exposed> exposed_runs(const Plan& plan, const std::vector<RunEstimate>& estimates,
                                  const Timetable& timetable, const FailureOptions& options) {
  std::vector<Exposed> runs;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    if (!timetable.runs[i].trained) continue;
    const auto gpus = static_cast<double>(estimates[i].gpus);
    runs.push_back(
        {gpus, estimates[i].seconds(),
         trainer::checkpoint_bytes(plan.runs[i].recipe.model, true) / options.write_bytes_a_second,
         kSecondsADay / (options.failures_a_gpu_day * gpus)});
  }
  return runs;
}

double expected_loss(const std::vector<Exposed>& runs, double interval,
                     const FailureOptions& options) {
  double lost = 0;
  for (const Exposed& run : runs) {
    lost += run.gpus * (expected_seconds(run.work_seconds, interval, run.checkpoint_seconds,
                                         options.restart_seconds, run.between_seconds) -
                        run.work_seconds);
  }
  return lost;
}

// One run, from failure to failure.
double simulated_seconds(const Exposed& run, double interval, double restart,
                         std::mt19937_64& random) {
  std::exponential_distribution<double> failure(1 / run.between_seconds);
  double left = run.work_seconds, seconds = 0;
  for (;;) {
    const double until = failure(random);
    // The last stretch ends with the run's own result, not with a resume point.
    const double stretches = std::max(0.0, std::ceil(left / interval) - 1);
    const double rest = left + stretches * run.checkpoint_seconds;
    if (until >= rest) return seconds + rest;
    left -= interval * std::floor(until / (interval + run.checkpoint_seconds));
    seconds += until;
    // A restart may fail as well.
    double again = failure(random);
    for (; again < restart; again = failure(random)) seconds += again;
    seconds += restart;
  }
}

void simulate(const std::vector<Exposed>& runs, const FailureOptions& options, IntervalLoss& row) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  row.mean_gpu_seconds = row.low_gpu_seconds = row.high_gpu_seconds = kNan;
  for (const Exposed& run : runs) {
    if (!(expected_seconds(run.work_seconds, row.interval_seconds, run.checkpoint_seconds,
                           options.restart_seconds, run.between_seconds) <
          kHopelessFactor * std::max(run.work_seconds, options.restart_seconds)))
      return;
  }
  std::mt19937_64 random(options.seed);
  std::vector<double> lost;
  double sum = 0;
  for (int64_t sweep = 0; sweep < options.simulated_sweeps; ++sweep) {
    double once = 0;
    for (const Exposed& run : runs)
      once += run.gpus *
              (simulated_seconds(run, row.interval_seconds, options.restart_seconds, random) -
               run.work_seconds);
    lost.push_back(once);
    sum += once;
  }
  std::sort(lost.begin(), lost.end());
  const auto last = static_cast<double>(lost.size() - 1);
  row.mean_gpu_seconds = sum / static_cast<double>(lost.size());
  row.low_gpu_seconds = lost[static_cast<std::size_t>(kLowShare * last)];
  row.high_gpu_seconds = lost[static_cast<std::size_t>(kHighShare * last)];
}

// The loss falls and then rises with the interval: a golden-section search in its logarithm.
double best_interval(const std::vector<Exposed>& runs, const FailureOptions& options) {
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(kShortestInterval), high = std::log(kLongestInterval);
  auto loss = [&](double log_interval) {
    return expected_loss(runs, std::exp(log_interval), options);
  };
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double at_a = loss(a), at_b = loss(b);
  for (int i = 0; i < kSearchSteps; ++i) {
    // Two infinities: the shorter one is nearer to what ends.
    if (at_a <= at_b) {
      high = b, b = a, at_b = at_a;
      a = high - golden * (high - low), at_a = loss(a);
    } else {
      low = a, a = b, at_a = at_b;
      b = low + golden * (high - low), at_b = loss(b);
    }
  }
  return std::exp((low + high) / 2);
}

}  // namespace

double young_interval(double checkpoint_seconds, double mean_seconds_between) {
  return std::sqrt(2 * checkpoint_seconds * mean_seconds_between);
}

double daly_interval(double checkpoint_seconds, double mean_seconds_between) {
  if (checkpoint_seconds >= 2 * mean_seconds_between) return mean_seconds_between;
  const double half = checkpoint_seconds / (2 * mean_seconds_between);
  return young_interval(checkpoint_seconds, mean_seconds_between) *
             (1 + std::sqrt(half) / 3 + half / 9) -
         checkpoint_seconds;
}

double expected_seconds(double work, double interval, double checkpoint_seconds,
                        double restart_seconds, double mean_seconds_between) {
  const double m = mean_seconds_between;
  // A run that is shorter than the interval writes no resume point.
  const double stretch = std::min(interval, work);
  const double writing = work > interval ? checkpoint_seconds : 0;
  return m * std::exp(restart_seconds / m) * std::expm1((stretch + writing) / m) * work / stretch;
}

FailureForecast forecast_failures(const Plan& plan, const std::vector<RunEstimate>& estimates,
                                  const Timetable& timetable, std::vector<double> intervals,
                                  const FailureOptions& options) {
  FailureForecast out;
  const std::vector<Exposed> runs = exposed_runs(plan, estimates, timetable, options);
  if (runs.empty()) return out;
  for (const Exposed& run : runs)
    out.expected_failures +=
        run.work_seconds * run.gpus * options.failures_a_gpu_day / kSecondsADay;
  double most = -1;
  std::size_t exposed = 0;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    if (!timetable.runs[i].trained) continue;
    const Exposed& run = runs[exposed++];
    if (run.work_seconds * run.gpus <= most) continue;
    most = run.work_seconds * run.gpus;
    out.largest_run = i;
    out.largest_checkpoint_seconds = run.checkpoint_seconds;
    out.largest_mean_seconds_between = run.between_seconds;
  }
  out.young_seconds =
      young_interval(out.largest_checkpoint_seconds, out.largest_mean_seconds_between);
  out.daly_seconds =
      daly_interval(out.largest_checkpoint_seconds, out.largest_mean_seconds_between);
  out.best_interval_seconds = best_interval(runs, options);
  intervals.push_back(out.best_interval_seconds);
  std::sort(intervals.begin(), intervals.end());
  intervals.erase(std::unique(intervals.begin(), intervals.end()), intervals.end());
  for (double interval : intervals) {
    IntervalLoss row{.interval_seconds = interval,
                     .expected_gpu_seconds = expected_loss(runs, interval, options)};
    simulate(runs, options, row);
    out.intervals.push_back(row);
  }
  return out;
}

}  // namespace crosslaw::sweep
