#include "fit/frontier/measured_frontier.h"

#include <cmath>

#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// N* = 0.1 C^0.5, D* = C / (6 N*), L* = 20 C^-0.05.
std::vector<FrontierPoint> planted_points() {
  std::vector<FrontierPoint> out;
  for (const double flops : {1e18, 1e19, 1e20}) {
    const double c = std::log(flops), n = std::log(0.1) + 0.5 * c;
    out.push_back({c, n, c - n - std::log(6.0), std::log(20.0) - 0.05 * c});
  }
  return out;
}

}  // namespace

TEST_CASE("Power laws through planted optima answer other budgets") {
  const auto frontier = measure_frontier(planted_points(), {}, {1e18, 1e22, 1e16});
  REQUIRE(frontier);
  CHECK(*frontier->params.exponent.value == Approx(0.5).epsilon(1e-10));
  CHECK(*frontier->params.constant.value == Approx(0.1).epsilon(1e-9));
  CHECK(*frontier->tokens.exponent.value == Approx(0.5).epsilon(1e-10));
  CHECK(*frontier->loss.exponent.value == Approx(-0.05).epsilon(1e-10));
  CHECK(*frontier->params_at_half.constant.value == Approx(0.1).epsilon(1e-9));
  CHECK(frontier->flops.high == Approx(1e20));
  REQUIRE(frontier->rows.size() == 3);
  CHECK(*frontier->rows[1].params.value == Approx(1e10).epsilon(1e-9));
  CHECK(*frontier->rows[1].tokens_per_param.value == Approx(1e22 / 6 / 1e20).epsilon(1e-8));
  CHECK(frontier->rows[1].flops_factor == Approx(100));
  CHECK(frontier->rows[2].flops_factor == Approx(0.01));
  CHECK_FALSE(frontier->params.exponent.ci95);
}

TEST_CASE("Draws without laws are undefined, and too many of them leave no interval") {
  const std::optional<FrontierLaws> law = frontier_laws(planted_points());
  std::vector<std::optional<FrontierLaws>> draws(100, law);
  CHECK(measure_frontier(planted_points(), draws, {})->params.exponent.ci95);
  for (int i = 0; i < 3; ++i) draws[static_cast<std::size_t>(i)].reset();
  const auto frontier = measure_frontier(planted_points(), draws, {});
  CHECK_FALSE(frontier->params.exponent.ci95);
  CHECK(frontier->params.exponent.undefined == Approx(0.03));
  CHECK_FALSE(measure_frontier({planted_points()[0]}, {}, {}));
}

TEST_CASE("Options and points that no frontier can use are refused") {
  FrontierOptions options;
  CHECK(problems(options).empty());
  options.flops = {1e18, -1};
  options.draws = -1;
  CHECK(problems(options).size() == 2);
  CHECK_THROWS_WITH(require_frontier_input({{1e8, 1e9, 3}}, problems(options)),
                    has_text("flops = -1") && has_text("draws = -1"));
  CHECK_THROWS_WITH(require_frontier_input({}, {}), has_text("no points"));
  CHECK_THROWS_WITH(require_frontier_input({{1e200, 1e200, 3}}, {}), has_text("beyond a double"));
  CHECK_THROWS_WITH(
      require_frontier_input({{1e8, 1e9, 3}, {1e8, 1e9, 3, 1, -1, Stage::kContinued}}, {}),
      has_text("one strategy"));
}
