#include "fit/evidence/setting_optimum.h"

#include <cmath>

#include "fit/solve/random.h"
#include "tests/support/catch.h"

namespace crosslaw::fit {
namespace {

// A planted bowl in the logs with its minimum at rate 0.01 and batch 1000.
double planted(double rate, double batch) {
  const double u = std::log(rate / 0.01), v = std::log(batch / 1000);
  return 3 * std::exp(0.02 * u * u + 0.01 * v * v + 0.008 * u * v);
}

std::vector<SettingPoint> grid(double noise, std::uint64_t seed, bool one_batch = false) {
  std::vector<SettingPoint> points;
  Random random(seed, 0);
  for (double rate : {0.0025, 0.005, 0.01, 0.02, 0.04}) {
    for (double batch :
         one_batch ? std::vector<double>{1000} : std::vector<double>{500, 1000, 2000})
      points.push_back({rate, batch, planted(rate, batch) * std::exp(noise * random.normal())});
  }
  return points;
}

}  // namespace

TEST_CASE("a planted optimum is found to all digits where there is no noise") {
  const SettingOptimum found = setting_optimum(grid(0, 1), {0.02, 1000});
  REQUIRE(found.problem.empty());
  CHECK(*found.learning_rate.value == Approx(0.01).epsilon(1e-6));
  CHECK(*found.batch_tokens.value == Approx(1000).epsilon(1e-6));
  CHECK(*found.excess.value == Approx(std::log(planted(0.02, 1000) / 3)).epsilon(1e-6));
  CHECK(found.rate_curvature == Approx(0.04).epsilon(1e-6));
  CHECK(found.inside);
}

TEST_CASE("of noisy losses the intervals hold the planted optimum 95 times in 100") {
  int rate_held = 0, excess_held = 0;
  constexpr int kTurns = 300;
  for (int turn = 0; turn < kTurns; ++turn) {
    const SettingOptimum found =
        setting_optimum(grid(0.001, 100 + static_cast<std::uint64_t>(turn)), {0.02, 1000});
    REQUIRE(found.problem.empty());
    REQUIRE(found.learning_rate.ci95);
    rate_held += found.learning_rate.ci95->low <= 0.01 && found.learning_rate.ci95->high >= 0.01;
    const double excess = std::log(planted(0.02, 1000) / 3);
    excess_held += found.excess.ci95->low <= excess && found.excess.ci95->high >= excess;
  }
  CHECK(rate_held > 0.92 * kTurns);
  CHECK(rate_held < 0.985 * kTurns);
  CHECK(excess_held > 0.92 * kTurns);
}

TEST_CASE("with one batch the rate alone is sought") {
  const SettingOptimum found = setting_optimum(grid(0, 1, true), {0.02, 1000});
  CHECK(*found.learning_rate.value == Approx(0.01).epsilon(1e-6));
  CHECK_FALSE(found.batch_tokens.value);
}

TEST_CASE("what cannot be an optimum is said") {
  std::vector<SettingPoint> upside_down = grid(0, 1);
  for (SettingPoint& p : upside_down) p.loss = 9 / p.loss;
  CHECK_THAT(setting_optimum(upside_down, {0.02, 1000}).problem, has_text("no minimum"));
  std::vector<SettingPoint> few = grid(0, 1, true);
  few.resize(4);
  CHECK_THAT(setting_optimum(few, {0.02, 1000}).problem, has_text("4 runs are too few"));
  few.resize(2);
  CHECK_THAT(setting_optimum(few, {0.02, 1000}).problem, has_text("fewer than three"));
  // Rates that were all too low: the minimum of the quadratic lies beyond them.
  std::vector<SettingPoint> low;
  for (const SettingPoint& p : grid(0, 1))
    if (p.learning_rate < 0.009 || p.learning_rate > 0.03)
      low.push_back(
          {p.learning_rate / 20, p.batch_tokens, planted(p.learning_rate / 20, p.batch_tokens)});
  CHECK_FALSE(setting_optimum(low, {0.02, 1000}).inside);
  CHECK_THROWS_WITH(setting_optimum(low, {0, 1000}), "fixed_rate = 0: must be above 0");
}

}  // namespace crosslaw::fit
