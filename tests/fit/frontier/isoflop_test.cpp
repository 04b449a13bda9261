#include "fit/frontier/isoflop.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "fit/allocate/best_split.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

const PowerForm kForm{std::log(planted::kE), std::log(planted::kA), planted::kAlpha,
                      std::log(planted::kB), planted::kBeta,        0};
constexpr double kExponent = planted::kBeta / (planted::kAlpha + planted::kBeta);
const std::vector<double> kBudgets = {1e18, 1e19, 1e20, 1e21};

// `count` sizes at each budget, evenly in log N over centre(C) * [1/reach, reach].
Points grid(const std::vector<double>& budgets, int count, double reach,
            const std::function<double(double)>& centre, double noise = 0) {
  std::mt19937 engine(3);
  std::normal_distribution<double> normal;
  Points out;
  for (const double flops : budgets) {
    for (int i = 0; i < count; ++i) {
      const double params = centre(flops) * std::pow(reach, 2.0 * i / (count - 1) - 1);
      const double tokens = flops / (6 * params);
      out.push_back(
          {params, tokens, kForm.loss(params, tokens) * std::exp(noise * normal(engine))});
    }
  }
  return out;
}

double true_size(double flops) { return optimum(kForm, flops)->params; }

IsoflopOptions quick(int draws = 0) {
  IsoflopOptions options;
  options.frontier.draws = draws;
  return options;
}

// One budget of the given sizes, with the losses of a function of log N.
Points one_budget(const std::vector<double>& sizes, const std::function<double(double)>& loss) {
  Points out;
  for (const double params : sizes) {
    out.push_back({params, 1e18 / (6 * params), loss(std::log(params))});
  }
  return out;
}

}  // namespace

TEST_CASE("Sizes close around the optimum give it to within 1 %") {
  IsoflopOptions options = quick();
  options.frontier.flops = {1e23};
  const IsoflopFit fit = fit_isoflop(grid(kBudgets, 7, 2, true_size), options);
  REQUIRE(fit.used() == 4);
  for (const IsoflopBudget& budget : crosslaw::tests::some(fit.budgets)) {
    const Optimum truth = *optimum(kForm, budget.flops);
    CHECK(*budget.params_optimum.value == Approx(truth.params).epsilon(0.01));
    CHECK(*budget.tokens_optimum.value ==
          Approx(budget.flops / 6 / *budget.params_optimum.value).epsilon(1e-9));
    CHECK(*budget.loss.value == Approx(truth.loss).epsilon(1e-4));
    CHECK(budget.width == Approx(4));
    CHECK(std::abs(budget.off_centre) < 0.02);
    const Theta law = theta_from_values(
        chinchilla_law(),
        {{planted::kE, planted::kA, planted::kAlpha, planted::kB, planted::kBeta}});
    const Budget spent{budget.flops, {}, {}};
    const Range band =
        flat_band(chinchilla_law(), law, spent, *best_split(chinchilla_law(), law, spent), 0.01);
    CHECK(budget.flat.low == Approx(band.low).epsilon(0.1));
    CHECK(budget.flat.high == Approx(band.high).epsilon(0.1));
  }
  REQUIRE(fit.frontier);
  CHECK(*fit.frontier->params.exponent.value == Approx(kExponent).margin(1e-3));
  CHECK(*fit.frontier->tokens.exponent.value == Approx(1 - kExponent).margin(1e-3));
  CHECK(*fit.frontier->rows[0].params.value == Approx(true_size(1e23)).epsilon(0.02));
  CHECK(fit.frontier->params.rms < fit.frontier->params_at_half.rms);
  CHECK(fit.warnings.empty());
}

TEST_CASE("A wide grid is biased without noise by (alpha - beta) w^2 / 10") {
  for (const double reach : {4.0, 8.0}) {
    const IsoflopFit fit = fit_isoflop(grid({1e20}, 41, reach, true_size), quick());
    const double shift = std::log(*fit.budgets[0].params_optimum.value / true_size(1e20));
    const double expected = (planted::kAlpha - planted::kBeta) * std::pow(std::log(reach), 2) / 10;
    CHECK(shift == Approx(expected).epsilon(0.25));
  }
  const IsoflopFit wide = fit_isoflop(grid({1e20}, 41, 8, true_size), quick());
  REQUIRE_FALSE(wide.warnings.empty());
  CHECK_THAT(wide.warnings[0], has_text("64 times apart"));
}

TEST_CASE("Sizes that do not follow the optimum bias the exponents, which is said") {
  const auto fixed = [](double) { return true_size(1e20); };
  const IsoflopFit fit = fit_isoflop(grid({1e18, 1e20, 1e22}, 9, 12, fixed), quick());
  REQUIRE(fit.used() == 3);
  CHECK(fit.budgets[0].off_centre < -0.3);
  CHECK(fit.budgets[2].off_centre > 0.3);
  const double bias = *fit.frontier->params.exponent.value - kExponent;
  CHECK(std::abs(bias) > 5e-3);
  CHECK(std::abs(bias) < 0.02);
  CHECK(std::count_if(fit.warnings.begin(), fit.warnings.end(), [](const std::string& each) {
          return each.find("off the centre") != std::string::npos;
        }) == 2);
}

TEST_CASE("Budgets without a usable minimum are left out with the reason") {
  const std::vector<double> sizes = {1e8, 2e8, 3e8, 4e8, 8e8};
  const double middle = std::log(3e8);
  const auto why = [](const Points& points) {
    return fit_isoflop(points, quick()).budgets.at(0).left_out;
  };
  const auto bowl = [&](double bend, double at) {
    return [=](double x) { return std::exp(1 + bend * (x - at) * (x - at)); };
  };
  CHECK(why(one_budget(sizes, bowl(0.03, middle))).empty());
  CHECK_THAT(why(one_budget(sizes, bowl(-0.03, middle))), has_text("no minimum"));
  CHECK_THAT(why(one_budget(sizes, [](double) { return 3.0; })), has_text("minimum"));
  CHECK_THAT(why(one_budget(sizes, bowl(0.03, std::log(9e8)))), has_text("above the sampled"));
  CHECK_THAT(why(one_budget(sizes, bowl(0.03, std::log(9e7)))), has_text("below the sampled"));
  CHECK_THAT(why(one_budget({1e8, 2e8, 4e8, 4.01e8}, bowl(0.03, middle))),
             has_text("3 sizes, at least 4"));
  Points chain;
  for (int i = 0; i < 20; ++i) {
    const double params = 1e8 * std::pow(1.1, i);
    chain.push_back({params, 1e10, 3});
  }
  IsoflopOptions options = quick();
  options.same_budget = 0.11;
  CHECK_THAT(fit_isoflop(chain, options).budgets.at(0).left_out, has_text("not one budget"));
  const IsoflopFit none = fit_isoflop(one_budget(sizes, bowl(-0.03, middle)), quick());
  CHECK(none.used() == 0);
  CHECK_FALSE(none.frontier);
}

TEST_CASE("A step in compute beyond the tolerance starts a new budget") {
  Points points = grid({1e19, 1.04e19, 1.2e19}, 5, 2, true_size);
  const IsoflopFit fit = fit_isoflop(points, quick());
  REQUIRE(fit.budgets.size() == 2);
  CHECK(fit.budgets[0].points == 10);
  CHECK(fit.budgets[0].flops == Approx(std::sqrt(1.04) * 1e19));
  IsoflopOptions narrow = quick();
  narrow.same_budget = 0.01;
  CHECK(fit_isoflop(points, narrow).budgets.size() == 3);
}

TEST_CASE("Measured compute defines the budgets, and tokens follow the data, not 6ND") {
  // Embeddings cost compute without being counted: C = 6 (N + 5e7) D.
  const double flops = 1e19;
  const auto tokens = [&](double params) { return flops / (6 * (params + 5e7)); };
  double best = 0, least = 1e9;
  for (double params = 5e7; params < 5e9; params *= 1.0001) {
    const double loss = kForm.loss(params, tokens(params));
    if (loss < least) least = loss, best = params;
  }
  Points points;
  for (int i = 0; i < 9; ++i) {
    const double params = best * std::pow(2.0, i / 4.0 - 1);
    Point point{params, tokens(params), kForm.loss(params, tokens(params))};
    point.flops = flops;
    points.push_back(point);
  }
  const IsoflopFit fit = fit_isoflop(points, quick());
  REQUIRE(fit.used() == 1);
  CHECK(*fit.budgets[0].params_optimum.value == Approx(best).epsilon(0.01));
  CHECK(*fit.budgets[0].tokens_optimum.value ==
        Approx(tokens(*fit.budgets[0].params_optimum.value)).epsilon(0.005));
  CHECK(std::abs(flops / 6 / best / tokens(best) - 1) > 0.05);
  CHECK_THAT(fit.warnings.at(0), has_text("at least two"));
}

TEST_CASE("Intervals cover the planted truth and do not depend on the number of threads") {
  const Points points = grid(kBudgets, 12, 4, true_size, 0.002);
  for (const Resampling kind : {Resampling::kPairs, Resampling::kParametric}) {
    IsoflopOptions options = quick(400);
    options.frontier.resampling = kind;
    options.frontier.threads = 1;
    const IsoflopFit fit = fit_isoflop(points, options);
    REQUIRE(fit.frontier->params.exponent.ci95);
    const Range range = *fit.frontier->params.exponent.ci95;
    CHECK(range.low < kExponent);
    CHECK(range.high > kExponent);
    CHECK(range.high - range.low < 0.1);
    CHECK(range.high - range.low > 0.005);
    options.frontier.threads = 3;
    const IsoflopFit again = fit_isoflop(points, options);
    CHECK(again.frontier->params.exponent.ci95->low == range.low);
    CHECK(again.budgets[2].params_optimum.ci95->high == fit.budgets[2].params_optimum.ci95->high);
  }
}

TEST_CASE("Without noise every resample has the same minima, whatever the weights") {
  Points points;
  for (const double flops : {1e18, 1e20}) {
    for (int i = 0; i < 16; ++i) {
      const double params = std::sqrt(flops / 120) * std::pow(4.0, i / 7.5 - 1);
      const double x = std::log(params / std::sqrt(flops / 120));
      points.push_back({params, flops / (6 * params), std::exp(1 + 0.03 * x * x), 1.0 + i});
    }
  }
  const IsoflopFit fit = fit_isoflop(points, quick(100));
  REQUIRE(fit.budgets[0].params_optimum.ci95);
  CHECK(fit.budgets[0].params_optimum.ci95->low == Approx(std::sqrt(1e18 / 120)).epsilon(1e-6));
  CHECK(fit.budgets[0].params_optimum.ci95->high == Approx(std::sqrt(1e18 / 120)).epsilon(1e-6));
  CHECK(fit.budgets[0].curvature == Approx(0.03).epsilon(1e-9));
}

TEST_CASE("Runs within a budget are resampled there, runs over several as a whole") {
  Points points = grid(kBudgets, 12, 4, true_size, 0.002);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].cluster = static_cast<int>(i / 2);
  IsoflopOptions options = quick(50);
  options.frontier.resampling = Resampling::kClusters;
  CHECK(fit_isoflop(points, options).within_budgets);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].cluster = static_cast<int>(i % 12);
  const IsoflopFit fit = fit_isoflop(points, options);
  CHECK_FALSE(fit.within_budgets);
  CHECK(fit.frontier->params.exponent.se);
}

TEST_CASE("Hoffmann's points give the exponent that the paper states for approach 2") {
  // arXiv 2203.15556, table 2: a = 0.49 (0.462, 0.534), the 10th and 90th percentiles.
  IsoflopOptions options = quick(500);
  const IsoflopFit all = fit_isoflop(planted::reference_points("chinchilla_epoch_245"), options);
  CHECK(all.used() == 14);
  CHECK(*all.frontier->params.exponent.value == Approx(0.49).margin(0.01));
  REQUIRE(all.frontier->params.exponent.ci95);
  CHECK(all.frontier->params.exponent.ci95->low == Approx(0.462).margin(0.015));
  CHECK(all.frontier->params.exponent.ci95->high == Approx(0.534).margin(0.015));
}

TEST_CASE("Bad isoFLOP options are refused") {
  IsoflopOptions options = quick();
  options.same_budget = 0.5;
  options.flat_share = 0;
  CHECK(problems(options).size() == 2);
  CHECK_THROWS_WITH(fit_isoflop({{1e8, 1e9, 3}}, options), has_text("same_budget = 0.5"));
}
