#include "fit/frontier/lower_envelope.h"

#include <cmath>

#include "fit/solve/random.h"
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

TEST_CASE("a frontier that levels off is found with its floor, and a noisy straight one has none") {
  for (const double floor : {0.0, 1.2}) {
    INFO("floor " << floor);
    Points points;
    std::vector<double> flops;
    Random random(7, 0);
    for (int i = 0; i < 60; ++i) {
      const double c = std::pow(10.0, 9 + i / 20.0);
      const double loss = (floor + 40 * std::pow(c, -0.15)) * std::exp(0.003 * random.normal());
      points.push_back({1e8, 1e9, loss, 1, i, Stage::kScratch});
      flops.push_back(c);
    }
    const LowerEnvelope found = lower_envelope(points, flops, 100, 1);
    REQUIRE(found.floor.has_value() == (floor > 0));
    CHECK(found.loss_at(1e10) == Approx(floor + 40 * std::pow(1e10, -0.15)).epsilon(0.006));
    if (floor == 0) continue;
    REQUIRE(found.floor->ci95);
    CHECK(found.floor->ci95->low < floor);
    CHECK(found.floor->ci95->high > floor);
    CHECK(found.floor->ci95->low > 0.6);
  }
}

TEST_CASE("the floor of exact losses comes back to six digits") {
  Points points;
  std::vector<double> flops;
  for (int i = 0; i < 12; ++i) {
    flops.push_back(std::pow(10.0, 17 + i / 3.0));
    points.push_back({1e8, 1e9, 1.55 + 60 * std::pow(flops.back(), -0.1), 1, i, Stage::kScratch});
  }
  const LowerEnvelope found = lower_envelope(points, flops, 0, 1);
  REQUIRE(found.floor);
  CHECK(*found.floor->value == Approx(1.55).epsilon(1e-6));
  CHECK(*found.coefficient.value == Approx(60).epsilon(1e-5));
  CHECK(*found.exponent.value == Approx(0.1).epsilon(1e-6));
}

}  // namespace crosslaw::fit
