#include "fit/evidence/forecast_score.h"

#include <cmath>

#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// A run forecast at 2 with reaches of 1, 2 and 3 % in log loss, missed by `off` (in log loss).
ScoredRun missed_by_log(double off) {
  ScoredRun out;
  out.run = {1e9, 2e10};
  out.predicted = 2;
  for (std::size_t k = 0; k < out.intervals.size(); ++k) {
    const double reach = 0.01 * static_cast<double>(k + 1);
    out.intervals[k] = {2 * std::exp(-reach), 2 * std::exp(reach)};
  }
  out.observed = 2 * std::exp(off);
  return out;
}

}  // namespace

TEST_CASE("A score counts errors, and runs inside each interval") {
  const ForecastScore found =
      score({missed_by_log(0.005), missed_by_log(-0.015), missed_by_log(0.04), missed_by_log(0)});
  CHECK(found.runs == 4);
  CHECK(found.inside[0] == Approx(0.5));
  CHECK(found.inside[1] == Approx(0.75));
  CHECK(found.inside[2] == Approx(0.75));
  CHECK(found.worst == Approx(std::expm1(-0.04)));
  CHECK(found.mean_width == Approx(std::expm1(0.06)));
  CHECK(found.mean_error ==
        Approx((-std::expm1(-0.005) + std::expm1(0.015) - std::expm1(-0.04)) / 4));
}

TEST_CASE("What chance allows is the exact binomial interval") {
  // Of 20 runs at 95 %: P(16 or fewer) = 1.6 %, P(17 or fewer) = 7.5 %; all 20 in 36 %.
  const ForecastScore found = score(std::vector<ScoredRun>(20, missed_by_log(0)));
  CHECK(found.by_chance[2].low == Approx(0.85));
  CHECK(found.by_chance[2].high == Approx(1));
  // At 50 %: P(5 or fewer) = 2.07 %, so 6 to 14.
  CHECK(found.by_chance[0].low == Approx(0.3));
  CHECK(found.by_chance[0].high == Approx(0.7));
}

TEST_CASE("The conformal factor is the right order statistic and never narrows") {
  std::vector<ScoredRun> past;
  for (int i = 1; i <= 39; ++i) past.push_back(missed_by_log((i % 2 == 0 ? 1 : -1) * 0.002 * i));
  const ConformalFactor by = conformal_factor(past);
  // ceil(40 * 0.95) = 38th smallest miss, 0.076, over the reach 0.03.
  CHECK(by.factor[2] == Approx(0.076 / 0.03));
  CHECK(by.level[2] == 0.95);
  // ceil(40 * 0.5) = 20th, 0.04 over 0.01.
  CHECK(by.factor[0] == Approx(4));
  const ForecastIntervals wide = widened(past[0].intervals, 2, by);
  CHECK(std::log(wide[2].high / 2) == Approx(0.076));
  CHECK(std::log(wide[2].low / 2) == Approx(-0.076));
  CHECK(conformal_factor(std::vector<ScoredRun>(30, missed_by_log(0))).factor[2] == 1);
  // Ten runs cannot speak of 95 %.
  CHECK(conformal_factor(std::vector<ScoredRun>(10, missed_by_log(0.06))).level[2] ==
        Approx(10.0 / 11));
  CHECK(conformal_factor({}).factor[2] == 1);
}
