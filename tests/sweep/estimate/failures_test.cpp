#include "sweep/estimate/failures.h"

#include <cmath>
#include <random>

#include "tests/support/catch.h"
#include "tests/sweep/estimate/planned_runs.h"

namespace crosslaw::sweep {
namespace {

// An outside truth for the formula: one run, in steps of one second, each of which fails with the
// probability of that second.
double walked_seconds(int64_t work, int64_t interval, int64_t writing, int64_t restart,
                      double between, std::mt19937_64& random) {
  std::bernoulli_distribution fails(1 - std::exp(-1 / between));
  int64_t done = 0, now = 0;
  while (done < work) {
    const int64_t rest = std::min(interval, work - done);
    const int64_t stretch = rest + (work > interval ? writing : 0);
    bool failed = false;
    for (int64_t second = 0; second < stretch && !failed; ++second) ++now, failed = fails(random);
    if (!failed) {
      done += rest;
      continue;
    }
    for (int64_t second = 0; second < restart; ++second) {
      ++now;
      if (fails(random)) second = -1;
    }
  }
  return static_cast<double>(now);
}

}  // namespace

TEST_CASE("the default rate is that of Llama 3's interruptions") {
  CHECK(kFailuresAGpuDay == Approx(4.74e-4).epsilon(0.01));
}

TEST_CASE("Daly's expected time is what walking second by second takes") {
  std::mt19937_64 random(3);
  for (auto [interval, between] : {std::pair<int64_t, double>{40, 300}, {200, 300}, {90, 2000}}) {
    double sum = 0, squares = 0;
    constexpr int kTrials = 400;
    for (int i = 0; i < kTrials; ++i) {
      const double seconds = walked_seconds(1800, interval, 5, 20, between, random);
      sum += seconds, squares += seconds * seconds;
    }
    const double mean = sum / kTrials;
    const double error = std::sqrt((squares / kTrials - mean * mean) / kTrials);
    CHECK(std::abs(expected_seconds(1800, static_cast<double>(interval), 5, 20, between) - mean) <
          4 * error + 0.01 * mean);
  }
}

TEST_CASE("Young's and Daly's intervals are where the expected time is least") {
  for (double between : {3600.0, 86400.0, 3e6}) {
    double best = 1, least = 1e300;
    for (double interval = 10; interval < 1e6; interval *= 1.01) {
      const double seconds = expected_seconds(1e9, interval, 30, 300, between);
      if (seconds < least) least = seconds, best = interval;
    }
    CHECK(daly_interval(30, between) == Approx(best).epsilon(0.02));
    CHECK(expected_seconds(1e9, young_interval(30, between), 30, 300, between) < least * 1.01);
  }
}

TEST_CASE("the forecast's simulation agrees with the formula and knows the best interval") {
  Plan plan;
  std::vector<RunEstimate> estimates;
  // A week on 8 GPUs each; two of them one after the other.
  for (int i = 0; i < 3; ++i) tests::add_planned_run(plan, estimates, 7 * 86400, 8);
  plan.runs[1].parent = {0, plan.runs[0].row.steps};
  const Timetable timetable = make_timetable(plan, estimates, {}, 16);
  FailureOptions options;
  options.failures_a_gpu_day = 0.1;
  options.write_bytes_a_second = 1000;  // a checkpoint takes a minute or so
  options.simulated_sweeps = 400;
  const FailureForecast forecast =
      forecast_failures(plan, estimates, timetable, {600, 3600, 36000}, options);
  CHECK(forecast.expected_failures == Approx(3 * 7 * 8 * 0.1));
  REQUIRE(forecast.intervals.size() == 4);
  double least = 1e300, at = 0;
  for (const IntervalLoss& row : forecast.intervals) {
    INFO(row.interval_seconds);
    CHECK(row.mean_gpu_seconds == Approx(row.expected_gpu_seconds).epsilon(0.05));
    CHECK(row.low_gpu_seconds < row.mean_gpu_seconds);
    CHECK(row.high_gpu_seconds > row.mean_gpu_seconds);
    if (row.mean_gpu_seconds < least) least = row.mean_gpu_seconds, at = row.interval_seconds;
  }
  CHECK(at == forecast.best_interval_seconds);
  CHECK(forecast.best_interval_seconds == Approx(forecast.daly_seconds).epsilon(0.05));
  CHECK(forecast.young_seconds == Approx(std::sqrt(2 * forecast.largest_checkpoint_seconds *
                                                   forecast.largest_mean_seconds_between)));
}

TEST_CASE("without failures only the checkpoints between two stretches cost, none at the end") {
  Plan plan;
  std::vector<RunEstimate> estimates;
  tests::add_planned_run(plan, estimates, 86400, 8);
  FailureOptions options;
  options.failures_a_gpu_day = 1e-12;
  options.write_bytes_a_second = 1000;
  const FailureForecast forecast = forecast_failures(
      plan, estimates, make_timetable(plan, estimates, {}, 8), {36000, 43200, 1e6}, options);
  const double work = estimates[0].seconds();
  for (const IntervalLoss& row : tests::some(forecast.intervals)) {
    INFO(row.interval_seconds);
    const double written = std::ceil(work / row.interval_seconds) - 1;
    CHECK(row.mean_gpu_seconds ==
          Approx(8 * written * forecast.largest_checkpoint_seconds).margin(0.01));
  }
}

TEST_CASE("nine in ten sweeps end inside the range") {
  Plan plan;
  std::vector<RunEstimate> estimates;
  tests::add_planned_run(plan, estimates, 7 * 86400, 8);
  const Timetable timetable = make_timetable(plan, estimates, {}, 8);
  FailureOptions options;
  options.failures_a_gpu_day = 0.1;
  options.write_bytes_a_second = 1000;
  options.simulated_sweeps = 2000;
  const auto row = [&] {
    return forecast_failures(plan, estimates, timetable, {3600}, options).intervals.front();
  };
  const IntervalLoss range = row();
  options.simulated_sweeps = 1;
  int below = 0, above = 0;
  constexpr int kSweeps = 400;
  for (int i = 0; i < kSweeps; ++i) {
    options.seed = 1000 + static_cast<uint64_t>(i);
    const double once = row().mean_gpu_seconds;
    below += once<range.low_gpu_seconds, above += once> range.high_gpu_seconds;
  }
  CHECK(std::abs(below - 0.05 * kSweeps) < 15);
  CHECK(std::abs(above - 0.05 * kSweeps) < 15);
}

TEST_CASE("where no interval ends before a failure the forecast says so and stops") {
  Plan plan;
  std::vector<RunEstimate> estimates;
  tests::add_planned_run(plan, estimates, 30 * 86400, 1024);
  FailureOptions options;
  options.failures_a_gpu_day = 10;
  const FailureForecast forecast = forecast_failures(
      plan, estimates, make_timetable(plan, estimates, {}, 1024), {14400}, options);
  REQUIRE_FALSE(forecast.intervals.empty());
  CHECK(std::isnan(forecast.intervals.back().mean_gpu_seconds));
}

}  // namespace crosslaw::sweep
