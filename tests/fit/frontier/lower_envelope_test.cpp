#include "fit/frontier/lower_envelope.h"

#include <cmath>

#include "tests/support/catch.h"

namespace crosslaw::fit {

TEST_CASE("a planted power law under a cloud of worse points is found exactly") {
  Points points;
  std::vector<double> flops;
  for (int i = 0; i < 20; ++i) {
    const double c = std::pow(10.0, 17 + i / 4.0);
    for (const double worse : {1.0, 1.05, 1.2}) {
      points.push_back({1e8, 1e9, worse * 33.69907 * std::pow(c, -0.0579), 1, i, Stage::kScratch});
      flops.push_back(c);
    }
  }
  const LowerEnvelope found = lower_envelope(points, flops, 100, 1);
  CHECK(*found.coefficient.value == Approx(33.69907).epsilon(1e-9));
  CHECK(*found.exponent.value == Approx(0.0579).epsilon(1e-9));
  CHECK(found.points.size() == 20);
  CHECK(found.flops.high == Approx(std::pow(10.0, 17 + 19 / 4.0)));
  REQUIRE(found.exponent.ci95);
  CHECK(found.exponent.ci95->low == Approx(0.0579).epsilon(1e-6));
}

TEST_CASE("points above the envelope do not move it, and too few are refused") {
  const Points rising = {{1e8, 1e9, 2.0, 1, 0}, {1e8, 2e9, 2.5, 1, 1}};
  CHECK_THROWS_AS(lower_envelope(rising, {1e18, 2e18}, 0, 1), std::invalid_argument);
  CHECK_THROWS_AS(lower_envelope(rising, {1e18}, 0, 1), std::invalid_argument);
  const Points falling = {{1e8, 1e9, 2.0, 1, 0}, {1e8, 2e9, 2.5, 1, 1}, {1e8, 4e9, 1.0, 1, 2}};
  CHECK(lower_envelope(falling, {1, 2, 4}, 0, 1).points == std::vector<int>{0, 2});
  CHECK(*lower_envelope(falling, {1, 2, 4}, 0, 1).exponent.value == Approx(0.5));
}

}  // namespace crosslaw::fit
