#include "fit/solve/identifiability.h"

#include <cmath>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

const std::vector<double> kTruth = {kE, kA, kAlpha, kB, kBeta};

FitResult quick(const Points& points, const char* law = "chinchilla") {
  FitOptions options;
  options.law = law;
  options.draws = 0;
  options.starts = 16;
  return fit_law(points, options);
}

Points with_losses(const std::vector<std::pair<double, double>>& runs) {
  const Theta theta = theta_from_values(chinchilla_law(), kTruth);
  Points out;
  for (const auto& [n, d] : runs) {
    out.push_back({n, d, predicted_loss(chinchilla_law(), theta, n, d)});
  }
  return out;
}

}  // namespace

TEST_CASE("A constant number of tokens per parameter identifies nothing") {
  const FitResult fit = quick(sweep(chinchilla_law(), kTruth, 12, {20}));
  CHECK_FALSE(fit.identifiable);
  REQUIRE_FALSE(fit.problems.empty());
  CHECK_THAT(fit.problems.front(), has_text("same tokens per parameter (20 to 20)"));
  for (const Coefficient& each : crosslaw::tests::some(fit.coefficients))
    CHECK_FALSE(each.identifiable);
}

TEST_CASE("The published models with 20 tokens per parameter are refused") {
  for (const char* law : {"chinchilla", "extended"}) {
    const FitResult fit = quick(reference_points("cerebras_7"), law);
    CHECK_FALSE(fit.identifiable);
    CHECK_THAT(fit.problems.front(), has_text("19.6 to 20.2"));
    CHECK(fit.certificate.condition > 1e5);
  }
}

TEST_CASE("One compute budget identifies nothing") {
  std::vector<std::pair<double, double>> runs;
  for (double n = 1e8; n < 5e9; n *= 1.5) runs.emplace_back(n, 1e20 / (6 * n));
  const FitResult fit = quick(with_losses(runs));
  CHECK_FALSE(fit.identifiable);
  CHECK_THAT(fit.problems.front(), has_text("same compute (6ND about 1e+20)"));
}

TEST_CASE("One size leaves E, A and alpha open") {
  std::vector<std::pair<double, double>> runs;
  for (double d = 1e9; d < 1e11; d *= 1.5) runs.emplace_back(1e9, d);
  const FitResult fit = quick(with_losses(runs));
  CHECK_FALSE(fit.identifiable);
  CHECK_FALSE(fit.coefficient("E").identifiable);
  CHECK_FALSE(fit.coefficient("A").identifiable);
  CHECK_FALSE(fit.coefficient("alpha").identifiable);
  CHECK_THAT(fit.coefficient("alpha").verdict.reason, has_text("1 distinct size"));
}

TEST_CASE("Two token counts are one too few while E is free") {
  std::vector<std::pair<double, double>> runs;
  for (double n = 1e8; n < 5e9; n *= 1.5) {
    runs.emplace_back(n, 1e10);
    runs.emplace_back(n, 4e10);
  }
  const FitResult fit = quick(with_losses(runs));
  CHECK_FALSE(fit.identifiable);
  CHECK_FALSE(fit.coefficient("beta").identifiable);
  CHECK_THAT(fit.coefficient("beta").verdict.reason, has_text("2 distinct token counts"));
}

TEST_CASE("Two sizes at three ratios cannot fix E, A and alpha, three sizes can") {
  CHECK_FALSE(quick(sweep(chinchilla_law(), kTruth, 2, {5, 20, 80})).identifiable);
  CHECK(quick(sweep(chinchilla_law(), kTruth, 3, {5, 20, 80})).identifiable);
}

TEST_CASE("Healthy published data are identifiable in every coefficient") {
  for (const std::string& key : reference_keys()) {
    if (key == "cerebras_7") continue;
    for (const char* law : {"chinchilla", "extended"}) {
      const FitResult fit = quick(reference_points(key), law);
      INFO(key << " " << law);
      CHECK(fit.identifiable);
      for (const Coefficient& each : crosslaw::tests::some(fit.coefficients))
        CHECK(each.verdict.reason.empty());
    }
  }
}

TEST_CASE("Losses without an irreducible part put E at its bound and say so") {
  Points points;
  for (const double n : {1e7, 1e8, 1e9, 1e10}) {
    for (const double d : {1e9, 1e10, 1e11}) {
      points.push_back({n, d, 20 / std::pow(n, 0.1) + 30 / std::pow(d, 0.12) - 0.4});
    }
  }
  const FitResult fit = quick(points);
  CHECK_FALSE(fit.identifiable);
  REQUIRE(fit.certificate.at_bound.size() == 1);
  CHECK(fit.certificate.at_bound[0] == "E");
  CHECK_THAT(fit.coefficient("E").verdict.reason, has_text("fallen to 0"));
}

TEST_CASE("Noise that drowns the effect of size is called by its name") {
  const Points points = sweep(chinchilla_law(), kTruth, 4, {15, 20, 25}, 0.3, 11);
  const FitResult fit = quick(points);
  CHECK_FALSE(fit.identifiable);
  CHECK_FALSE(fit.problems.empty());
}
