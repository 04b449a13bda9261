#include "fit/evidence/residual_trend.h"

#include <cmath>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("A log residual is that of observed over predicted loss") {
  const std::vector<double> values = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                      planted::kBeta};
  Points points = planted::sweep(chinchilla_law(), values, 5, {5, 20});
  points[3].loss *= std::exp(0.02);
  FitResult truth = from_values(chinchilla_law(), values);
  truth.huber_delta = 1e-3;
  const std::vector<double> found = log_residuals(truth, points);
  REQUIRE(found.size() == points.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == Approx(i == 3 ? 0.02 : 0).margin(1e-12));
  CHECK(log_residuals(truth, {}).empty());
}

TEST_CASE("The running median follows a trend and no outlier") {
  std::vector<double> x, residuals;
  for (int i = 0; i < 120; ++i) {
    x.push_back(i);
    residuals.push_back(i % 10 == 5 ? 50 : 0.001 * i);
  }
  const std::vector<TrendSpot> trend = running_median(x, residuals);
  REQUIRE(trend.size() == 12);
  for (const TrendSpot& spot : trend) CHECK(spot.residual == Approx(0.001 * spot.x).margin(0.002));
}

TEST_CASE("No x is in two groups, whatever the order of the points") {
  std::vector<double> x, residuals;
  for (int i = 0; i < 90; ++i) {
    x.push_back(7 * i % 3);  // three sizes, in turn
    residuals.push_back(static_cast<double>(7 * i % 3) / 100);
  }
  const std::vector<TrendSpot> trend = running_median(x, residuals);
  REQUIRE(trend.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(trend[i].x == static_cast<double>(i));
    CHECK(trend[i].residual == Approx(static_cast<double>(i) / 100));
  }
}

TEST_CASE("A few points have no running median") {
  CHECK(running_median(std::vector<double>(23, 1), std::vector<double>(23, 0)).empty());
  CHECK(running_median(std::vector<double>(60, 1), std::vector<double>(60, 0)).empty());
  CHECK_THROWS_AS(running_median({1, 2}, {1}), std::invalid_argument);
}
