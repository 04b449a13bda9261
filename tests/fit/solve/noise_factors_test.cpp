#include "fit/solve/noise_factors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "fit/laws/laws.h"
#include "fit/solve/random.h"
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
  const Objective objective =
      make_objective(chinchilla_law(), sweep(chinchilla_law(), values, 200, ratios, kNoise), delta);
  return noise_factors(objective, objective.centred(theta_from_values(chinchilla_law(), values)));
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
  const Objective objective = make_objective(chinchilla_law(), points, inf);
  const Theta at = objective.centred(
      theta_from_values(chinchilla_law(), std::vector<double>{kE, kA, kAlpha, kB, kBeta}));
  const double squares = residuals(objective, at).squaredNorm();
  CHECK(noise_factors(objective, at).ratio == Approx(squares / (12 - 5)).epsilon(1e-12));
  CHECK(noise_factors(objective, at).error == Approx(std::sqrt(squares / 12)).epsilon(1e-12));
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

// One variate of random.h times kNoise.
NoiseModel noise_of(bool laplace) {
  return {.laplace = laplace, .point_sd = laplace ? std::numbers::sqrt2 * kNoise : kNoise};
}

TEST_CASE("The error expected of a noise law is the mean over many draws of it") {
  Random random(1, 0);
  std::vector<double> normal, laplace;
  for (int i = 0; i < 400000; ++i) {
    normal.push_back(kNoise * random.normal());
    laplace.push_back(kNoise * random.laplace());
  }
  for (const double delta : {0.02 * kNoise, 0.3 * kNoise, 2 * kNoise, 50 * kNoise}) {
    for (const bool heavy : {false, true}) {
      double squares = 0, inside = 0;
      for (const double r : heavy ? laplace : normal) {
        squares += std::pow(std::min(std::abs(r), delta), 2) / 400000;
        inside += std::abs(r) <= delta ? 1.0 / 400000 : 0;
      }
      INFO(delta << (heavy ? " Laplace" : " normal"));
      CHECK(expected_error(noise_of(heavy), delta) ==
            Approx(std::sqrt(squares) / inside).epsilon(0.025));
    }
  }
}

TEST_CASE("The error expected of a noise law is continuous down to absolute errors") {
  for (const bool laplace : {false, true}) {
    const double limit = expected_error(noise_of(laplace), 1e-12);
    CHECK(limit == Approx(kNoise * (laplace ? 1 : std::sqrt(std::numbers::pi / 2))));
    CHECK(expected_error(noise_of(laplace), 1.01e-4 * kNoise) == Approx(limit).epsilon(1e-3));
    CHECK(expected_error(noise_of(laplace), std::numeric_limits<double>::infinity()) ==
          Approx(expected_error(noise_of(laplace), 100 * kNoise)));
  }
  CHECK(expected_error({}, 1e-3) == 0);
}
