#include "fit/evidence/influence.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "fit/allocate/best_split.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"
#include "fit/solve/fitter.h"
#include "fit/solve/spread.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

constexpr double kLeastSquares = std::numeric_limits<double>::infinity();
const std::vector<double> kTruth = {kE, kA, kAlpha, kB, kBeta};

FitOptions refit_options(const char* law, double delta = kLeastSquares, int draws = 0) {
  FitOptions options;
  options.law = law;
  options.huber_delta = delta;
  options.draws = draws;
  options.starts = 8;
  return options;
}

}  // namespace

TEST_CASE("A planted outlier is named first, as a point and as a run") {
  Points points = sweep(chinchilla_law(), kTruth, 16, {2, 5, 10, 20}, 0.002, 4);
  points[60].loss *= 1.05;  // of the largest size, at the fewest tokens
  const FitResult by_run = fit_law(points, refit_options("chinchilla"));
  const Influence runs = influence(points, by_run, 1e22, 0);
  CHECK(runs.runs.size() == 16);
  CHECK(runs.runs.front().cluster == points[60].cluster);
  CHECK(runs.runs.front().points == 4);
  for (Point& point : points) point.cluster = -1;
  const Influence single = influence(points, by_run, 1e22, 0);
  CHECK(single.runs.size() == 64);
  CHECK(single.runs.front().first_point == 60);
  CHECK(single.runs.front().objective < 0);
}

TEST_CASE("Each change is that of a fit from scratch without the run") {
  const Points points = sweep(chinchilla_law(), kTruth, 12, {2, 5, 10, 20}, 0.003, 9);
  const FitResult fit = fit_law(points, refit_options("chinchilla", 1e-3));
  const double all = std::log(optimum(*power_form(*fit.law, fit.theta), 1e22)->params);
  const Influence result = influence(points, fit, 1e22, 0);
  for (const std::size_t k : {std::size_t{0}, std::size_t{5}, std::size_t{11}}) {
    const LeftOut& run = result.runs[k];
    Points rest;
    for (const Point& point : points) {
      if (point.cluster != run.cluster) rest.push_back(point);
    }
    const FitResult refit = fit_law(rest, refit_options("chinchilla", 1e-3));
    CHECK(fit.objective + run.objective == Approx(refit.objective).epsilon(1e-8));
    CHECK(fit.theta[2] + run.theta[2] == Approx(refit.theta[2]).epsilon(1e-5));
    CHECK(
        all + *run.log_params[0] ==
        Approx(std::log(optimum(*power_form(*fit.law, refit.theta), 1e22)->params)).epsilon(1e-6));
  }
}

TEST_CASE("N* of influence goes by the compute that the points carry, under any law") {
  const ComputeModel counted{40, 0.93, 0, true};
  Points points = sweep(chinchilla_law(), kTruth, 12, {2, 5, 10, 20}, 0.003, 9);
  for (Point& each : points) each.flops = counted.flops_per_token(each.params) * each.tokens;
  for (const char* law : {"chinchilla", "outer"}) {
    INFO(law);
    const FitResult fit = fit_law(points, refit_options(law, 1e-3));
    REQUIRE(fit.compute);
    const auto log_params = [&](const Theta& theta) {
      return std::log(best_split(*fit.law, theta, {1e20, *fit.compute, {}})->params);
    };
    const Influence result = influence(points, fit, 1e20, 0);
    REQUIRE(result.by_params);
    for (const LeftOut& run : crosslaw::tests::some(result.runs)) {
      const Theta without = fit.theta + run.theta;
      CHECK(run.log_params[0].value() ==
            Approx(log_params(without) - log_params(fit.theta)).margin(1e-8));
    }
  }
}

TEST_CASE("Jackknife and bootstrap errors agree under normal noise") {
  const auto log_params = [](const Theta& theta) -> std::optional<double> {
    return std::log(optimum(*power_form(chinchilla_law(), theta), 1e22)->params);
  };
  for (const bool by_run : {false, true}) {
    Points points = sweep(chinchilla_law(), kTruth, 30, {2, 5, 10, 20, 40}, 0.003, 21);
    if (!by_run) {
      for (Point& point : points) point.cluster = -1;
    }
    FitOptions options = refit_options("chinchilla", kLeastSquares, 1000);
    options.resampling = by_run ? Resampling::kClusters : Resampling::kPairs;
    const FitResult fit = fit_law(points, options);
    const Influence result = influence(points, fit, 1e22, 0);
    CHECK(*result.log_params_se[0] == Approx(*estimate(fit, log_params).se).epsilon(0.3));
    CHECK(result.theta_se[2] == Approx(*fit.coefficient("alpha").se).epsilon(0.3));
    CHECK(result.theta_se[4] == Approx(*fit.coefficient("beta").se).epsilon(0.3));
    CHECK(result.failed == 0);
  }
}

TEST_CASE("Both stages of a two-stage fit are refitted") {
  const Points points = two_strategies(0.003);
  FitOptions options = refit_options("two-stage", kLeastSquares, 500);
  options.resampling = Resampling::kClusters;
  const FitResult fit = fit_law(points, options);
  const Influence result = influence(points, fit, 1e21, 0);
  CHECK(result.strategies == std::vector<std::string>{"scratch", "continued"});
  CHECK(result.runs.size() == 40);
  for (const LeftOut& run : crosslaw::tests::some(result.runs)) {
    REQUIRE(run.log_params.size() == 2);
    CHECK(*run.log_params[1] != 0);  // a scratch run moves E, A and alpha of the continued fit
    CHECK((*run.log_params[0] == 0) == (run.cluster >= 20));
  }
  CHECK(result.theta_se[2] == Approx(*fit.coefficient("alpha").se).epsilon(0.35));
  CHECK(result.theta_se[7] == Approx(*fit.coefficient("gamma").se).epsilon(0.35));
  CHECK(influence(points, fit_law(points, refit_options("joint")), 1e21, 0).log_params_se.size() ==
        2);
}

TEST_CASE("Without an optimum the exponents decide") {
  Points points =
      sweep(chinchilla_law(), {kE, 0.5, -0.05, kB, kBeta}, 10, {2, 5, 10, 20}, 0.002, 2);
  points[38].loss *= 1.04;
  const FitResult fit = fit_law(points, refit_options("chinchilla"));
  REQUIRE_FALSE(optimum(*power_form(*fit.law, fit.theta), 1e22));
  const Influence result = influence(points, fit, 1e22, 0);
  CHECK_FALSE(result.by_params);
  CHECK_FALSE(result.log_params_se[0]);
  CHECK(result.runs.front().cluster == points[38].cluster);
}

TEST_CASE("Influence does not depend on the number of threads and refuses other points") {
  const Points points = reference_points("gadre_rpj_c4val");
  const FitResult fit = fit_law(points, refit_options("extended", 1e-3));
  const Influence one = influence(points, fit, 1e22, 1);
  const Influence many = influence(points, fit, 1e22, 7);
  REQUIRE(one.runs.size() == many.runs.size());
  for (std::size_t g = 0; g < one.runs.size(); ++g) {
    CHECK(one.runs[g].first_point == many.runs[g].first_point);
    CHECK(one.runs[g].theta == many.runs[g].theta);
  }
  CHECK_THROWS_AS(influence({points.front()}, fit, 1e22, 0), std::invalid_argument);
  CHECK_THROWS_AS(influence(points, fit, -1, 0), std::invalid_argument);
}

TEST_CASE("Every run is refitted while that is affordable, else those that move the fit furthest") {
  std::vector<double> ratios;
  for (int i = 0; i < 15; ++i) ratios.push_back(2 * std::pow(1.5, i));
  Points points = sweep(chinchilla_law(), kTruth, 40, ratios, 0.003, 8);
  points[580].loss *= 1.05;
  for (Point& point : points) point.cluster = -1;
  const double too_few_terms = 2e5;  // of 600 times 600
  for (const double delta : {1e-3, kLeastSquares}) {
    const FitResult fit = fit_law(points, refit_options("chinchilla", delta));
    const Influence all = influence(points, fit, 1e22, 0);
    REQUIRE(all.runs.size() == 600);
    CHECK(all.refitted == 600);
    CHECK_FALSE(all.step_error);
    const Influence some = influence(points, fit, 1e22, 0, too_few_terms);
    REQUIRE(some.runs.size() == 600);
    CHECK(some.refitted == 300);
    CHECK(some.runs.front().refitted);
    CHECK_FALSE(some.runs.back().refitted);
    REQUIRE(some.step_error);
    CHECK(*some.step_error < (delta < 1 ? 0.35 : 0.05));
    CHECK(some.runs.front().first_point == all.runs.front().first_point);
    CHECK(*some.log_params_se[0] == Approx(*all.log_params_se[0]).epsilon(0.15));
  }
}
