#include "fit/evidence/prediction.h"

#include <cmath>
#include <random>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

const std::vector<double> kPredicted = {kE, kA, kAlpha, kB, kBeta};

FitOptions with_draws(int draws, const char* law = "chinchilla") {
  FitOptions options;
  options.law = law;
  options.draws = draws;
  options.starts = 4;
  return options;
}

}  // namespace

TEST_CASE("95 % prediction intervals hold about 95 % of new runs") {
  constexpr int kWorlds = 60;
  constexpr double kNoise = 0.004;
  const Theta truth = theta_from_values(chinchilla_law(), kPredicted);
  std::mt19937 engine(17);
  std::normal_distribution<double> normal;
  const std::vector<NewRun> runs = {{1e8, 1e9}, {1e9, 4e10}, {1e10, 1e11}, {3e10, 1e12}};
  int inside = 0, by_law = 0, made = 0;
  for (int world = 0; world < kWorlds; ++world) {
    const Points points = sweep(chinchilla_law(), kPredicted, 12, {2, 5, 10, 20, 40}, kNoise,
                                500 + static_cast<unsigned>(world));
    const FitResult fit = fit_law(points, with_draws(100));
    for (const Prediction& each : predict(points, fit, runs, 1)) {
      const double exact =
          predicted_loss(chinchilla_law(), truth, each.run.params, each.run.tokens);
      for (int k = 0; k < 10; ++k) {
        const double loss = exact * std::exp(kNoise * normal(engine));
        inside += loss >= each.run_ci95->low && loss <= each.run_ci95->high ? 1 : 0;
        by_law += loss >= each.loss.ci95->low && loss <= each.loss.ci95->high ? 1 : 0;
        ++made;
      }
    }
  }
  const double share = static_cast<double>(inside) / made;
  INFO("share inside " << share);
  CHECK(share > 0.91);
  CHECK(share < 0.985);
  CHECK(by_law < 0.8 * made);  // the interval of the law alone is not that of a run
}

TEST_CASE("Without noise a new run is as certain as the law") {
  const Points points = sweep(chinchilla_law(), kPredicted, 8, {2, 5, 10, 20});
  const FitResult fit = fit_law(points, with_draws(40));
  const Prediction one = predict(points, fit, {{7e9, 1.4e11}}, 1).front();
  const double truth = predicted_loss(chinchilla_law(), fit.theta, 7e9, 1.4e11);
  CHECK(*one.loss.value == truth);
  CHECK(one.run_ci95->low == Approx(truth).epsilon(1e-6));
  CHECK(one.run_ci95->high == Approx(truth).epsilon(1e-6));
}

TEST_CASE("A prediction says how far outside the data it is") {
  const Points points = sweep(chinchilla_law(), kPredicted, 8, {2, 5, 10, 20}, 0.003);
  const FitResult fit = fit_law(points, with_draws(30));
  const std::vector<Prediction> all = predict(points, fit, {{1e10, 1e12}, {1e8, 1e9}}, 1);
  CHECK(all[0].flops_factor == Approx(5));
  CHECK(all[0].ratio_factor == Approx(5));
  REQUIRE(all[0].warnings.size() == 2);
  CHECK_THAT(all[0].warnings[0], has_text("5 times above the largest measured"));
  CHECK(all[1].flops_factor == 1);
  CHECK(all[1].warnings.empty());
}

TEST_CASE("How far outside a run is goes by the compute that the points carry") {
  const ComputeModel counted{40, 0.93, 0, true};
  Points points = sweep(chinchilla_law(), kPredicted, 8, {2, 5, 10, 20}, 0.003);
  for (Point& each : points) each.flops = counted.flops_per_token(each.params) * each.tokens;
  const FitResult fit = fit_law(points, with_draws(30));
  // A tenth of the largest size at fifty times its tokens, and as before in tokens a parameter.
  const Prediction one = predict(points, fit, {{1e9, 1e13}}, 1).front();
  const double times = std::pow(0.1, 0.93) * 50;
  CHECK(one.flops_factor == Approx(times).epsilon(1e-6));
  CHECK_THAT(one.warnings[0], Catch::Matchers::StartsWith("C is "));
}

TEST_CASE("Fits of both strategies predict a run from scratch and a continued one") {
  const Points points = two_strategies(0.003);
  for (const char* law : {"two-stage", "joint"}) {
    const FitResult fit = fit_law(points, with_draws(30, law));
    const std::vector<Prediction> both = predict(points, fit, {{1e9, 2e10}}, 1);
    REQUIRE(both.size() == 2);
    CHECK(both[0].stage == "scratch");
    CHECK(both[1].stage == "continued");
    for (const Prediction& each : both) {
      const Stage stage = each.stage == "scratch" ? Stage::kScratch : Stage::kContinued;
      CHECK(*each.loss.value ==
            Approx(predicted_loss(*fit.law, fit.theta, 1e9, 2e10, stage)).epsilon(1e-12));
      CHECK(each.run_ci95->low < each.loss.ci95->low);
      CHECK(each.run_ci95->high > each.loss.ci95->high);
    }
  }
}

TEST_CASE("Intervals need draws, and runs must be positive") {
  const Points points = sweep(chinchilla_law(), kPredicted, 8, {2, 5, 10, 20}, 0.003);
  const FitResult fit = fit_law(points, with_draws(0));
  const Prediction one = predict(points, fit, {{1e9, 2e10}}, 1).front();
  CHECK(one.loss.value);
  CHECK_FALSE(one.loss.ci95);
  CHECK_FALSE(one.run_ci95);
  CHECK_THROWS_AS(predict(points, fit, {{0, 2e10}}, 1), std::invalid_argument);
  CHECK_THROWS_AS(predict({points.front()}, fit, {{1e9, 2e10}}, 1), std::invalid_argument);
}

TEST_CASE("A fit without its points predicts the same law, with the scatter of its residuals") {
  FitOptions options;
  options.draws = 100;
  const Points points = planted::reference_points("chinchilla_epoch_240");
  const FitResult fit = fit_law(points, options);
  const std::vector<NewRun> runs = {{7e9, 1.4e11}, {1e12, 2e13}};
  const std::vector<Prediction> with = predict(points, fit, runs, 1);
  const std::vector<Prediction> without = predict(fit, runs, 1);
  REQUIRE(without.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(*without[i].loss.value == *with[i].loss.value);
    CHECK(without[i].loss.ci95->low == with[i].loss.ci95->low);
    CHECK(without[i].flops_factor == Approx(with[i].flops_factor));
    const double width = with[i].run_ci95->high - with[i].run_ci95->low;
    CHECK(without[i].run_ci95->high - without[i].run_ci95->low == Approx(width).epsilon(0.35));
  }
  CHECK_FALSE(without[1].warnings.empty());
  const std::vector<Prediction> typed =
      predict(from_values(*fit.law, {1.82, 478, 0.347, 2143, 0.367}), runs, 1);
  CHECK(typed[0].loss.value);
  CHECK_FALSE(typed[0].run_ci95);
  CHECK_THROWS_AS(predict(fit, {{0, 1}}, 1), std::invalid_argument);
}

TEST_CASE(
    "N and D alone have no loss by a law of base tokens, and that of r = 1 by one of mixtures") {
  Points points = sweep(chinchilla_law(), kPredicted, 6, {5, 20, 80}, 0.002);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].target_share = 0.25 * static_cast<double>(1 + i % 4);
    points[i].base_tokens = 1e11 * static_cast<double>(1 + i % 3);
  }
  const FitResult base = fit_law(points, with_draws(0, "base-budget"));
  CHECK_THROWS_WITH(predict(points, base, {{1e9, 2e10}}, 1), has_text("had seen before"));
  const FitResult mixture = fit_law(points, with_draws(0, "effective-data"));
  const std::vector<Prediction> of = predict(points, mixture, {{1e9, 2e10}}, 1);
  CHECK_THAT(of.front().warnings.front(), has_text("r = 1"));
}
