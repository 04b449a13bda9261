#include "fit/solve/strategies.h"

#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

FitResult fitted(const char* law, const Points& points) {
  FitOptions options;
  options.law = law;
  options.starts = 8;
  options.draws = 20;
  return fit_law(points, options);
}

}  // namespace

TEST_CASE("Joint and two-stage fits fill one entry a strategy alike") {
  const Points points = two_strategies(0.004);
  for (const char* law : {"joint", "two-stage"}) {
    INFO(law);
    const FitResult fit = fitted(law, points);
    const std::vector<StrategyFit> found = strategy_fits(fit);
    REQUIRE(found.size() == 2);
    for (const StrategyFit& each : found) {
      INFO(each.name);
      const LawPart part = part_at(joint_law(), *each.stage);
      CHECK(each.name == part.strategy);
      CHECK(each.fit.law == part.law);
      CHECK(each.fit.theta.isApprox(part_theta(part, fit.theta), 1e-9));
      REQUIRE(each.fit.draws.rows() == fit.draws.rows());
      for (Eigen::Index d = 0; d < fit.draws.rows(); ++d) {
        const Theta whole = fit.draws.row(d).transpose();
        const Theta mine = each.fit.draws.row(d).transpose();
        CHECK(mine.isApprox(part_theta(part, whole), 1e-9));
      }
      for (std::size_t i = 0; i < part.coefficients.size(); ++i) {
        CHECK(each.fit.coefficients[i].name == part.law->coefficients[i].name);
      }
      CHECK(each.fit.measured_range);
    }
  }
}

TEST_CASE("Only a fit made stage by stage has inherited coefficients") {
  const Points points = two_strategies(0.004);
  const FitResult stages = strategy_fit(fitted("two-stage", points), "continued");
  const FitResult at_once = strategy_fit(fitted("joint", points), "continued");
  CHECK(stages.coefficient("alpha").frozen);
  CHECK_FALSE(stages.coefficient("beta").frozen);
  CHECK_FALSE(at_once.coefficient("alpha").frozen);
}

TEST_CASE("A fit of one strategy is its own entry") {
  const Points points = select_stage(two_strategies(0.004), Stage::kScratch);
  const FitResult fit = fitted("chinchilla", points);
  const std::vector<StrategyFit> found = strategy_fits(fit);
  REQUIRE(found.size() == 1);
  CHECK(found[0].name.empty());
  CHECK_FALSE(found[0].stage);
  CHECK(found[0].fit.draws == fit.draws);
  CHECK_THROWS_AS(strategy_fit(fit, "scratch"), std::invalid_argument);
}

TEST_CASE("Coefficients that were inherited are not counted twice") {
  const Points points = two_strategies(0.004);
  CHECK(free_coefficients(fitted("joint", points)) == 8);
  CHECK(free_coefficients(fitted("two-stage", points)) == 8);
  CHECK(fitted_parts(fitted("joint", points)).size() == 1);
  FitResult lost = fitted("two-stage", points);
  lost.stages.clear();
  CHECK(strategy_fits(lost).size() == 2);
  CHECK_THROWS_AS(fitted_parts(lost), std::invalid_argument);
}
