#include "apps/study/fit_residuals.h"

#include <cmath>

#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

TEST_CASE("Residuals are of the points that the fit has, each against its own strategy's law") {
  const PairFits& fits = planted_demo().fits[0];
  const fit::FitResult& both = *fits.find("two-stage");
  const std::vector<FitResidual> found =
      fit_residuals(planted_demo().observations, fits.pair, both);
  CHECK(found.size() == static_cast<std::size_t>(both.points));
  for (const FitResidual& each : found) {
    CHECK(each.residual == Approx(each.observed / each.predicted - 1));
    CHECK(std::abs(each.predicted / tests::planted_loss(each.strategy, each.params, each.tokens) -
                   1) < 0.01);
  }
  const std::vector<ResidualSpread> spread = spread_of(found);
  REQUIRE(spread.size() == 2);
  CHECK(spread[0].strategy == fits.pair.scratch);
  CHECK(spread[0].points == 120);
  CHECK(spread[1].points == 119);
  for (const ResidualSpread& each : spread) CHECK(each.rms == Approx(0.004).epsilon(0.25));
}

TEST_CASE("A fit from scratch has no residuals of continued runs") {
  const PairFits& fits = planted_demo().fits[0];
  for (const FitResidual& each :
       fit_residuals(planted_demo().observations, fits.pair, *fits.find("scratch")))
    CHECK(each.strategy == fits.pair.scratch);
}

TEST_CASE("The spread of nothing is nothing, and that of two residuals their root mean square") {
  CHECK(spread_of({}).empty());
  FitResidual one, two;
  one.residual = 0.03;
  two.residual = -0.04;
  const std::vector<ResidualSpread> spread = spread_of({one, two});
  REQUIRE(spread.size() == 1);
  CHECK(spread[0].rms == Approx(std::sqrt((0.0009 + 0.0016) / 2)));
}
