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

}  // namespace crosslaw::fit
