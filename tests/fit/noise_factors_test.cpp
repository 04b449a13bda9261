#include "fit/noise_factors.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

constexpr double kNoise = 0.01;

// At the planted truth the residuals are the noise itself.
NoiseFactors at_truth(double delta) {
  const std::vector<double> values = {kE, kA, kAlpha, kB, kBeta};
  std::vector<double> ratios;
  for (int i = 0; i < 200; ++i) ratios.push_back(1 + 0.5 * i);
  const Problem problem =
      make_problem(chinchilla_law(), sweep(chinchilla_law(), values, 200, ratios, kNoise), delta);
  return noise_factors(problem, problem.centred(theta_from_values(chinchilla_law(), values)));
}

}  // namespace

TEST_CASE("Least squares has the size of the residuals") {
  const NoiseFactors factors = at_truth(std::numeric_limits<double>::infinity());
  CHECK(factors.error == Approx(kNoise).epsilon(0.02));
  CHECK(factors.ratio == Approx(kNoise * kNoise).epsilon(0.04));
}

TEST_CASE("Few points are corrected for the coefficients fitted to them") {
  const double inf = std::numeric_limits<double>::infinity();
  const Points points =
      sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 4, {5, 20, 80}, kNoise);
  const Problem problem = make_problem(chinchilla_law(), points, inf);
  const Theta at = problem.centred(
      theta_from_values(chinchilla_law(), std::vector<double>{kE, kA, kAlpha, kB, kBeta}));
  const double squares = residuals(problem, at).squaredNorm();
  CHECK(noise_factors(problem, at).ratio == Approx(squares / (12 - 5)).epsilon(1e-12));
  CHECK(noise_factors(problem, at).error == Approx(std::sqrt(squares / 12)).epsilon(1e-12));
}

TEST_CASE("Huber factors of normal noise are the closed forms") {
  for (const double share : {0.1, 0.5, 1.5}) {  // delta in standard deviations
    const double inside = std::erf(share / std::sqrt(2.0));
    const double density = std::exp(-0.5 * share * share) / std::sqrt(2 * std::numbers::pi);
    const double psi_squared =
        kNoise * kNoise * (inside - 2 * share * density + share * share * (1 - inside));
    const NoiseFactors factors = at_truth(share * kNoise);
    CHECK(factors.error == Approx(std::sqrt(psi_squared) / inside).epsilon(0.05));
    CHECK(factors.ratio == Approx(psi_squared / inside).epsilon(0.05));
  }
}

TEST_CASE("Where hardly a residual is within delta the median size stands in") {
  const double delta = 1e-3 * kNoise;
  const double absolute = kNoise * std::sqrt(std::numbers::pi / 2);  // error of a median
  const NoiseFactors factors = at_truth(delta);
  CHECK(factors.error == Approx(absolute).epsilon(0.03));
  CHECK(factors.ratio == Approx(delta * absolute).epsilon(0.03));
}
