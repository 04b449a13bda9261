#include <stdexcept>

#include "fit/solve/fitter.h"
#include "fit/solve/strategies.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

FitOptions quick_two_stage(int draws) {
  FitOptions options;
  options.starts = 16;
  options.draws = draws;
  return options;
}

void check_planted(const FitResult& fit, double tolerance) {
  CHECK(fit.converged);
  CHECK(fit.identifiable);
  CHECK(fit.value("E") == Approx(kE).epsilon(tolerance));
  CHECK(fit.value("A") == Approx(kA).epsilon(10 * tolerance));
  CHECK(fit.value("alpha") == Approx(kAlpha).epsilon(tolerance));
  CHECK(fit.value("B") == Approx(kB).epsilon(10 * tolerance));
  CHECK(fit.value("beta") == Approx(kBeta).epsilon(tolerance));
  CHECK(fit.value("B_continued") == Approx(kContinuedB).epsilon(10 * tolerance));
  CHECK(fit.value("beta_continued") == Approx(kContinuedBeta).epsilon(tolerance));
  CHECK(fit.value("gamma") == Approx(kGamma).epsilon(10 * tolerance));
}

}  // namespace

TEST_CASE("Two-stage and joint fits recover both strategies without noise") {
  check_planted(fit_two_stage(two_strategies(), quick_two_stage(0)), 1e-6);
  FitOptions options = quick_two_stage(0);
  options.law = "joint";
  check_planted(fit_law(two_strategies(), options), 1e-6);
}

TEST_CASE("The scratch stage of a two-stage fit is the chinchilla fit of the scratch points") {
  const Points points = two_strategies(0.004);
  const FitResult both = fit_two_stage(points, quick_two_stage(0));
  const FitResult scratch = fit_law(select_stage(points, Stage::kScratch), quick_two_stage(0));
  CHECK(strategy_fit(both, "scratch").objective == Approx(scratch.objective).epsilon(1e-12));
  CHECK(both.value("alpha") == Approx(scratch.value("alpha")).epsilon(1e-9));
  CHECK(both.objective ==
        Approx(strategy_fit(both, "scratch").objective + strategy_fit(both, "continued").objective)
            .epsilon(1e-12));
  CHECK(both.certificate.points_searched == 160);
  CHECK(both.certificate.rms_log_residual > 0.003);
  CHECK(both.certificate.rms_log_residual < 0.005);
  CHECK(strategy_fit(both, "continued").coefficient("alpha").frozen);
  CHECK(strategy_fit(both, "continued").value("A") == Approx(both.value("A")).epsilon(1e-12));
}

TEST_CASE("The joint fit is at least as good as the two-stage fit") {
  const Points points = two_strategies(0.004);
  FitOptions options = quick_two_stage(0);
  const double two_stage = fit_two_stage(points, options).objective;
  options.law = "joint";
  CHECK(fit_law(points, options).objective <= two_stage * (1 + 1e-9));
}

TEST_CASE("Draws of both stages come from one resample: inherited coefficients move together") {
  const Points points = two_strategies(0.004);
  const FitResult fit = fit_two_stage(points, quick_two_stage(60));
  const FitResult scratch = strategy_fit(fit, "scratch");
  const FitResult continued = strategy_fit(fit, "continued");
  REQUIRE(scratch.draws.rows() == continued.draws.rows());
  REQUIRE(fit.draws.rows() == scratch.draws.rows());
  CHECK(fit.draws.rows() + fit.bootstrap.failed == 60);
  CHECK(continued.draws.leftCols(3).isApprox(scratch.draws.leftCols(3), 1e-9));
  CHECK(fit.draws.rightCols(3).isApprox(continued.draws.rightCols(3), 1e-12));
}

TEST_CASE("Errors of the first stage reach the second") {
  const Points points = two_strategies(0.004);
  FitOptions options = quick_two_stage(200);
  const FitResult both = fit_two_stage(points, options);
  // A second stage whose first stage is known: scratch points without noise.
  Points certain = points;
  const Points exact = two_strategies(0);
  for (std::size_t i = 0; i < certain.size(); ++i) {
    if (certain[i].stage == Stage::kScratch) certain[i] = exact[i];
  }
  const FitResult known = fit_two_stage(certain, options);
  CHECK(*both.coefficient("beta_continued").se > 1.2 * *known.coefficient("beta_continued").se);
}

TEST_CASE("The halves of a joint fit predict what the whole predicts") {
  const Points points = two_strategies(0.004);
  FitOptions options = quick_two_stage(40);
  options.law = "joint";
  const FitResult fit = fit_law(points, options);
  const FitResult scratch = strategy_fit(fit, "scratch");
  const FitResult continued = strategy_fit(fit, "continued");
  CHECK(predicted_loss(*scratch.law, scratch.theta, 3e8, 4e9) ==
        Approx(predicted_loss(*fit.law, fit.theta, 3e8, 4e9)));
  CHECK(predicted_loss(*continued.law, continued.theta, 3e8, 4e9) ==
        Approx(predicted_loss(*fit.law, fit.theta, 3e8, 4e9, Stage::kContinued)));
  CHECK(continued.draws.col(5) == fit.draws.col(7));
  CHECK(continued.coefficient("B").value == fit.value("B_continued"));
}

TEST_CASE("Threads do not change a two-stage fit") {
  FitOptions options = quick_two_stage(30);
  options.resampling = Resampling::kClusters;
  options.threads = 1;
  const Points points = two_strategies(0.004);
  const FitResult one = fit_two_stage(points, options);
  options.threads = 3;
  CHECK(fit_two_stage(points, options).draws == one.draws);
}

TEST_CASE("A constant number of tokens per parameter is refused in the second stage too") {
  Points points = select_stage(two_strategies(0.001), Stage::kScratch);
  for (const Point& p : two_strategies(0.001)) {
    if (p.stage == Stage::kContinued && p.tokens / p.params > 15) points.push_back(p);
  }
  const FitResult fit = fit_two_stage(points, quick_two_stage(0));
  CHECK_FALSE(fit.identifiable);
  CHECK(fit.coefficient("alpha").identifiable);
  CHECK_FALSE(fit.coefficient("gamma").identifiable);
}

TEST_CASE("A stage without points is refused") {
  CHECK_THROWS_AS(
      fit_two_stage(select_stage(two_strategies(), Stage::kScratch), quick_two_stage(0)),
      std::invalid_argument);
  FitOptions options = quick_two_stage(0);
  CHECK_THROWS_AS(
      strategy_fit(fit_law(select_stage(two_strategies(), Stage::kScratch), options), "scratch"),
      std::invalid_argument);
}

TEST_CASE("Too few continued runs have no intervals, and leave those from scratch alone") {
  Points points;
  for (const Point& each : two_strategies(0.004)) {
    const bool kept = each.stage == Stage::kScratch || each.cluster == 1000 || each.cluster == 1019;
    if (kept && (each.stage == Stage::kScratch || each.tokens > 7 * each.params)) {
      points.push_back(each);
    }
  }
  const FitResult both = fit_two_stage(points, quick_two_stage(40));
  REQUIRE(strategy_fit(both, "continued").points == 4);
  CHECK(both.draws.rows() == 0);
  CHECK(both.coefficient("alpha").ci95.has_value());
  CHECK(both.coefficient("alpha").verdict.usable());
  CHECK(strategy_fit(both, "scratch").draws.rows() == 40);
  CHECK_FALSE(both.coefficient("gamma").ci95.has_value());
  CHECK_FALSE(both.coefficient("gamma").verdict.usable());
  CHECK_FALSE(strategy_fit(both, "continued").identifiable);
}
