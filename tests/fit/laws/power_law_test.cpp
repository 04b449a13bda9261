#include "fit/laws/power_law.h"

#include <cmath>
#include <vector>

#include "tests/support/catch.h"

namespace crosslaw::fit {

TEST_CASE("A planted power law is found exactly, and its scatter measured") {
  const std::vector<double> x = {40, 41, 43, 48};
  std::vector<double> y;
  for (const double each : x) y.push_back(-2.5 + 0.47 * each);
  const std::optional<PowerLaw> law = power_law_through(x, y);
  REQUIRE(law);
  CHECK(law->exponent == Approx(0.47).epsilon(1e-12));
  CHECK(law->log_constant == Approx(-2.5).epsilon(1e-11));
  CHECK(law->rms < 1e-13);
  CHECK(law->log_at(50) == Approx(21).epsilon(1e-12));
  const std::vector<double> two = {0, 2}, apart = {-1, 1};
  CHECK(power_law_with_exponent(two, apart, 0).rms == Approx(1));
  CHECK(power_law_with_exponent(two, apart, 1).rms == Approx(0).margin(1e-15));
}

TEST_CASE("One point or equal x determine no power law") {
  CHECK_FALSE(power_law_through(std::vector<double>{1}, std::vector<double>{2}));
  CHECK_FALSE(power_law_through(std::vector<double>{3, 3, 3}, std::vector<double>{1, 2, 3}));
}

TEST_CASE("A power law with a floor is found with it, and inverted above it alone") {
  std::vector<double> x, y;
  for (double c = 20; c < 34; c += 1.5) {
    x.push_back(c);
    y.push_back(std::log(1.4 + std::exp(3 - 0.12 * c)));
  }
  const std::optional<FlooredPowerLaw> law = floored_power_law_through(x, y);
  REQUIRE(law);
  CHECK(law->floor == Approx(1.4).epsilon(1e-6));
  CHECK(law->rest.exponent == Approx(-0.12).epsilon(1e-6));
  CHECK(*law->log_x_at(law->log_at(27)) == Approx(27).epsilon(1e-9));
  CHECK_FALSE(law->log_x_at(std::log(1.3)));
  CHECK_FALSE(
      floored_power_law_through(std::vector<double>{1, 2, 3}, std::vector<double>{3, 2, 1}));
}

TEST_CASE("Losses that only fall faster have no floor") {
  std::vector<double> x, y;
  for (double c = 20; c < 34; c += 1.5) {
    x.push_back(c);
    y.push_back(2 - 0.001 * c * c);
  }
  const std::optional<FlooredPowerLaw> law = floored_power_law_through(x, y);
  REQUIRE(law);
  CHECK(law->floor == 0);
}

TEST_CASE("A plane in three logs is found exactly, and none where both go together") {
  std::vector<double> u, v, y;
  for (const double a : {1.0, 2.0, 3.5}) {
    for (const double b : {0.5, 4.0}) {
      u.push_back(a), v.push_back(b);
      y.push_back(0.7 + 0.8 * a - 0.15 * b);
    }
  }
  const std::optional<PowerPlane> plane = power_plane_through(u, v, y);
  REQUIRE(plane);
  CHECK(plane->log_constant == Approx(0.7));
  CHECK(plane->first_exponent == Approx(0.8));
  CHECK(plane->second_exponent == Approx(-0.15));
  CHECK_FALSE(power_plane_through(u, u, y));
}

}  // namespace crosslaw::fit
