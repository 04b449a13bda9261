#include "fit/allocate/transfer.h"

#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"
#include "fit/solve/fitter.h"
#include "fit/solve/strategies.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

FitResult truth() {
  return from_values(joint_law(), {kE, kA, kAlpha, kB, kBeta, kContinuedB, kContinuedBeta, kGamma});
}

}  // namespace

TEST_CASE("Saved and transferred tokens belong to equal losses") {
  const FitResult fit = truth();
  const Transfer at = transfer_at(fit, 1e9, 1e10);
  const double equal = *at.equal_loss_tokens.value;
  CHECK(
      predicted_loss(joint_law(), fit.theta, 1e9, equal) ==
      Approx(predicted_loss(joint_law(), fit.theta, 1e9, 1e10, Stage::kContinued)).epsilon(1e-12));
  CHECK(*at.saved_share.value == Approx(1 - 1e10 / equal));
  CHECK(*at.transferred_tokens.value == Approx(equal - 1e10));
  CHECK(*at.saved_share.value > 0);
}

TEST_CASE("At the crossing nothing is saved") {
  const FitResult fit = truth();
  const Crossing crossing = crossing_at(fit, 1e9);
  CHECK(crossing.continued_better_below);
  const Transfer there = transfer_at(fit, 1e9, *crossing.tokens.value);
  CHECK(*there.saved_share.value == Approx(0).margin(1e-9));
  CHECK(*transfer_at(fit, 1e9, 0.5 * *crossing.tokens.value).saved_share.value > 0);
  CHECK(*transfer_at(fit, 1e9, 2 * *crossing.tokens.value).saved_share.value < 0);
}

TEST_CASE("The saving on the frontiers compares optimal losses") {
  const FitResult fit = truth();
  const BudgetSaving saving = saving_at(fit, 1e20);
  const PowerForm s = *power_form(chinchilla_law(), strategy_fit(fit, "scratch").theta);
  const PowerForm c = *power_form(extended_law(), strategy_fit(fit, "continued").theta);
  CHECK(optimum(s, *saving.equal_loss_flops.value)->loss ==
        Approx(optimum(c, 1e20)->loss).epsilon(1e-10));
  CHECK(*saving.saved_share.value == Approx(1 - 1e20 / *saving.equal_loss_flops.value));
}

TEST_CASE("Two-stage and joint fits give savings whose intervals hold the truth") {
  const Points points = two_strategies(0.003, 21);
  const double expected = *transfer_at(truth(), 1e9, 1e10).saved_share.value;
  FitOptions options;
  options.starts = 16;
  options.draws = 200;
  for (const char* law : {"two-stage", "joint"}) {
    options.law = law;
    const FitResult fit = fit_law(points, options);
    const Estimate saved = transfer_at(fit, 1e9, 1e10).saved_share;
    INFO(law);
    REQUIRE(saved.ci95);
    CHECK(saved.ci95->low < expected);
    CHECK(saved.ci95->high > expected);
    CHECK(crossing_at(fit, 1e9).tokens.value);
    CHECK(saving_at(fit, 1e20).saved_share.ci95);
  }
}

TEST_CASE("Draws whose crossing has the other sense do not enter its interval") {
  FitResult fit = truth();
  fit.draws.resize(100, 8);
  for (int r = 0; r < 100; ++r) {
    fit.draws.row(r) = fit.theta.transpose();
    if (r < 30) fit.draws(r, 6) = 0.4;  // beta' above beta
  }
  const Crossing crossing = crossing_at(fit, 1e9);
  CHECK(crossing.tokens.undefined == Approx(0.3));
  CHECK_FALSE(crossing.tokens.ci95);
}

TEST_CASE("Transfer needs a fit of both strategies and positive values") {
  const FitResult scratch = from_values(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta});
  CHECK_THROWS_AS(transfer_at(scratch, 1e9, 1e10), std::invalid_argument);
  CHECK_THROWS_AS(crossing_at(scratch, 1e9), std::invalid_argument);
  CHECK_THROWS_AS(transfer_at(truth(), -1, 1e10), std::invalid_argument);
  CHECK_THROWS_AS(saving_at(truth(), 0), std::invalid_argument);
}
