#include "fit/evidence/recipe_ratio.h"

#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

constexpr double kFlops = 1e20;

// Losses of a recipe that gets out of C what another gets out of `factor` C: data worth more tokens
// by that factor, at equal sizes.
FitResult recipe(double factor, double noise, unsigned seed, int draws) {
  const double b = planted::kB * std::pow(factor, -planted::kBeta);
  FitOptions options;
  options.starts = 8;
  options.draws = draws;
  options.seed = seed;
  return fit_law(planted::sweep(chinchilla_law(),
                                {planted::kE, planted::kA, planted::kAlpha, b, planted::kBeta}, 8,
                                {5, 10, 20, 40, 80}, noise, seed),
                 options);
}

double true_speed_up(double factor) {
  const auto form = [](double b) {
    return *power_form(chinchilla_law(),
                       theta_from_values(chinchilla_law(), {{planted::kE, planted::kA,
                                                             planted::kAlpha, b, planted::kBeta}}));
  };
  const double better = planted::kB * std::pow(factor, -planted::kBeta);
  return *flops_for_loss(form(planted::kB), optimum(form(better), kFlops)->loss) / kFlops;
}

}  // namespace

TEST_CASE("The speed-up of planted recipes is found, and its interval holds the truth") {
  const double truth = true_speed_up(2);
  CHECK(truth > 1.3);
  const auto found = recipe_ratios(
      {{"plain", recipe(1, 0.002, 1, 300)}, {"better", recipe(2, 0.002, 2, 300)}}, kFlops);
  REQUIRE(found.size() == 1);
  CHECK(found[0].recipe == "better");
  CHECK(found[0].against == "plain");
  REQUIRE(found[0].speed_up.ci95);
  CHECK(*found[0].speed_up.value == Approx(truth).epsilon(0.15));
  CHECK(found[0].speed_up.ci95->low < truth);
  CHECK(found[0].speed_up.ci95->high > truth);
  CHECK(*found[0].loss_difference.value < 0);
}

TEST_CASE("Without noise the speed-up is exact, of equal recipes it is one") {
  const FitResult plain = recipe(1, 0, 1, 0);
  const auto found = recipe_ratios({{"a", plain}, {"b", plain}, {"c", recipe(2, 0, 1, 0)}}, kFlops);
  REQUIRE(found.size() == 3);
  CHECK(*found[0].speed_up.value == Approx(1).epsilon(1e-9));
  CHECK(*found[1].speed_up.value == Approx(true_speed_up(2)).epsilon(1e-3));
  CHECK(found[1].recipe == "c");
  CHECK_FALSE(found[1].speed_up.ci95);
}

TEST_CASE("A loss below the other's floor is reached by no compute: the speed-up is absent") {
  const FitResult low = from_values(chinchilla_law(), {0.5, 400, 0.34, 400, 0.28});
  const FitResult high = from_values(chinchilla_law(), {3.5, 400, 0.34, 400, 0.28});
  const auto found = recipe_ratios({{"high", high}, {"low", low}}, 1e24);
  CHECK(found[0].recipe == "low");
  CHECK_FALSE(found[0].speed_up.value);
}

TEST_CASE("Laws without a closed form and senseless budgets are refused") {
  const FitResult outer = from_values(outer_law(), {1.69, 406.4, 0.34, 410.7, 0.28, 0.9});
  CHECK_THROWS_WITH(recipe_ratios({{"a", outer}, {"b", outer}}, kFlops), has_text("outer"));
  CHECK_THROWS_WITH(recipe_ratios({}, -1), has_text("above 0"));
}
