#include "fit/allocate/allocation.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

AllocationOptions budgets(std::vector<double> flops) {
  AllocationOptions options;
  options.flops = std::move(flops);
  return options;
}

FitResult given() { return from_values(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}); }

FitResult fitted(const Points& points, const char* law, int draws) {
  FitOptions options;
  options.law = law;
  options.starts = 16;
  options.draws = draws;
  return fit_law(points, options);
}

}  // namespace

TEST_CASE("Allocations of every reference fit agree with the reference") {
  std::ifstream file(data_path("reference_fits.json"));
  const nlohmann::json all = nlohmann::json::parse(file);
  for (const auto& [key, entry] : crosslaw::tests::some(all["fits"].items())) {
    if (key == "cerebras_7") continue;
    for (const auto& [law, name] : {std::pair("law1", "chinchilla"), {"law2", "extended"}}) {
      const FitResult fit = fitted(reference_points(key), name, 0);
      const Allocation found = allocate(fit, budgets({1e19, 1e21, 1e23, 1e25}));
      REQUIRE(found.rows.size() == 4);
      for (const AllocationRow& row : crosslaw::tests::some(found.rows)) {
        const std::string budget = row.flops == 1e19   ? "1e+19"
                                   : row.flops == 1e21 ? "1e+21"
                                   : row.flops == 1e23 ? "1e+23"
                                                       : "1e+25";
        INFO(key << " " << name << " " << budget);
        const nlohmann::json& expected = entry[law]["alloc"][budget];
        CHECK(*row.params.value == Approx(expected["N"].get<double>()).epsilon(2e-3));
        CHECK(*row.tokens.value == Approx(expected["D"].get<double>()).epsilon(2e-3));
      }
    }
  }
}

TEST_CASE("Intervals of what is decided come from the draws and hold the planted truth") {
  const Points points =
      sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 20, {2, 5, 20, 80}, 0.005, 3);
  const Allocation found = allocate(fitted(points, "chinchilla", 200), budgets({1e20}));
  const Optimum truth = *optimum(*power_form(chinchilla_law(), given().theta), 1e20);
  const AllocationRow& row = found.rows.at(0);
  REQUIRE(row.params.ci95);
  CHECK(row.params.ci95->low < truth.params);
  CHECK(row.params.ci95->high > truth.params);
  CHECK(row.loss.ci95->low < truth.loss);
  CHECK(row.loss.ci95->high > truth.loss);
  // D* = C / (6 N*) draw by draw, so the intervals mirror each other.
  CHECK(row.tokens.ci95->low == Approx(1e20 / 6 / row.params.ci95->high).epsilon(1e-3));
  CHECK(found.growth->params_exponent.ci95->low < kBeta / (kAlpha + kBeta));
  CHECK(found.growth->params_exponent.ci95->high > kBeta / (kAlpha + kBeta));
}

TEST_CASE("The best ladder size is chosen by loss, under its own FLOPs") {
  AllocationOptions options = budgets({1e20});
  const double best = *allocate(given(), options).rows[0].params.value;
  options.ladder = {{"small", 0.2 * best, {}}, {"near", 1.1 * best, {}}, {"large", 6 * best, {}}};
  const AllocationRow row = allocate(given(), options).rows[0];
  REQUIRE(row.nearest);
  CHECK(row.nearest->size.name == "near");
  CHECK(row.nearest->tokens == Approx(1e20 / (6 * 1.1 * best)));
  CHECK(row.nearest->excess > 0);
  CHECK(row.nearest->excess < 1e-3);
  // The same size at thrice the cost a token loses to its neighbour.
  options.ladder[1].flops_per_token = 20 * 6 * 1.1 * best;
  CHECK(allocate(given(), options).rows[0].nearest->size.name != "near");
}

TEST_CASE("Budgets and ratios outside the measured range are warned of, with the factor") {
  FitResult fit = given();
  const Optimum at = *optimum(*power_form(chinchilla_law(), fit.theta), 1e22);
  const double ratio = at.tokens / at.params;
  fit.measured_range =
      DataRange{{1e7, 1e9}, {1e8, 1e11}, {ratio / 100, ratio / 8}, {1e16, 1e21}, {2, 4}};
  const AllocationRow row = allocate(fit, budgets({1e22})).rows[0];
  CHECK(row.flops_factor == Approx(10));
  CHECK(row.ratio_factor == Approx(8));
  REQUIRE(row.warnings.size() == 2);
  CHECK_THAT(row.warnings[0], has_text("10 times above the largest compute"));
  CHECK_THAT(row.warnings[1], has_text("8 times above the largest tokens"));
  fit.measured_range->tokens_per_param = {ratio * 4, ratio * 5};
  fit.measured_range->flops = {1e23, 1e24};
  const AllocationRow below = allocate(fit, budgets({1e22})).rows[0];
  CHECK(below.ratio_factor == Approx(0.25));
  CHECK_THAT(below.warnings[0], has_text("10 times below the smallest compute"));
  fit.measured_range->tokens_per_param = {ratio / 2, ratio * 2};
  fit.measured_range->flops = {1e21, 1e23};
  CHECK(allocate(fit, budgets({1e22})).rows[0].warnings.empty());
}

TEST_CASE("A fit that is not identifiable is refused unless it is accepted") {
  FitResult fit = given();
  fit.identifiable = false;
  fit.problems = {"every point has the same tokens per parameter"};
  AllocationOptions options = budgets({1e20});
  const Allocation refused = allocate(fit, options);
  CHECK(refused.rows.empty());
  CHECK(refused.refused == fit.problems[0]);
  options.accept_unidentified = true;
  CHECK(allocate(fit, options).rows.size() == 1);
}

TEST_CASE("A law without an interior optimum is refused with the reason") {
  const FitResult fit = from_values(extended_law(), {1.7, 400, 0.3, 500, 0.1, 0.2});
  const Allocation found = allocate(fit, budgets({1e20}));
  CHECK(found.rows.empty());
  CHECK_THAT(found.refused, has_text("beta = 0.1 is not above gamma = 0.2"));
}

TEST_CASE("No interval is given when many draws have no optimum") {
  FitResult fit = from_values(extended_law(), {1.7, 400, 0.3, 500, 0.3, 0.1});
  fit.draws.resize(100, 6);
  for (int r = 0; r < 100; ++r) {
    fit.draws.row(r) = fit.theta.transpose();
    if (r < 10) fit.draws(r, 5) = 0.5;
  }
  const AllocationRow row = allocate(fit, budgets({1e20})).rows[0];
  CHECK_FALSE(row.params.ci95);
  CHECK(row.params.undefined == Approx(0.1));
  REQUIRE(row.warnings.size() == 1);
  CHECK_THAT(row.warnings[0], has_text("not exist in 10 % of the draws"));
}

TEST_CASE("A row says which limit binds, what it costs, and what is left over") {
  const Points points =
      sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 20, {2, 5, 20, 80}, 0.005, 3);
  const FitResult fit = fitted(points, "chinchilla", 60);
  AllocationOptions options = budgets({1e19, 1e21});
  const Allocation plain = allocate(fit, options);
  CHECK(plain.rows[0].binding.empty());
  CHECK(*plain.rows[0].given_up.value == 0);
  options.limits.max_tokens = 1e9;
  options.limits.max_params = 5e9;
  const Allocation found = allocate(fit, options);
  const AllocationRow& first = found.rows[0];
  const AllocationRow& second = found.rows[1];
  CHECK(first.binding == std::vector<std::string>{"max-tokens"});
  CHECK(second.binding == std::vector<std::string>{"max-params", "max-tokens"});
  CHECK(first.unused_share == 0);
  CHECK(second.unused_share == Approx(1 - 6 * 5e9 * 1e9 / 1e21));
  CHECK(*second.given_up.value == Approx(*second.loss.value / *plain.rows[1].loss.value - 1));
  REQUIRE(second.given_up.ci95);
  CHECK(second.given_up.ci95->low <= *second.given_up.value);
  CHECK(second.given_up.ci95->high >= *second.given_up.value);
  CHECK(second.unlimited->params == Approx(*plain.rows[1].params.value));
  bool said = false;
  for (const std::string& each : second.warnings) {
    said = said || each.find("stays unused: both") != std::string::npos;
  }
  CHECK(said);
  // The ends of the flat band have intervals, which hold the band.
  const AllocationRow& free = plain.rows[1];
  REQUIRE(free.flat_low.ci95);
  CHECK(free.flat_low.ci95->low <= free.flat->low);
  CHECK(free.flat_low.ci95->high >= free.flat->low);
  CHECK(free.flat_high.ci95->high >= free.flat->high);
}

TEST_CASE("Measured compute of the fit is what C means, unless 6ND is asked for") {
  FitResult fit = given();
  fit.compute = ComputeModel{60.0, 0.9, 0.01, true};
  fit.convention = {"column N", "column C"};
  AllocationOptions options = budgets({1e20});
  const Allocation measured = allocate(fit, options);
  const AllocationRow& row = measured.rows[0];
  CHECK(60.0 * std::pow(*row.params.value, 0.9) * *row.tokens.value == Approx(1e20));
  CHECK(*measured.growth->params_exponent.value == Approx(kBeta / (kAlpha + 0.9 * kBeta)));
  CHECK(measured.convention.params == "column N");
  CHECK_THAT(measured.convention.compute, has_text("60 N^0.9 D"));
  options.six_nd = true;
  const Allocation six = allocate(fit, options);
  CHECK(*six.rows[0].params.value == Approx(*allocate(given(), options).rows[0].params.value));
  CHECK(six.convention.compute == "C = 6 N D");
}

TEST_CASE("Where tokens are served the growth with C is local, and says so") {
  AllocationOptions options = budgets({1e21});
  CHECK_FALSE(allocate(given(), options).growth->near_flops);
  options.limits.inference_tokens = 1e12;
  const Allocation found = allocate(given(), options);
  REQUIRE(found.growth->near_flops);
  CHECK(*found.growth->near_flops == 1e21);
  CHECK(found.rows[0].binding == std::vector<std::string>{"inference"});
  CHECK(*found.rows[0].params.value < *allocate(given(), budgets({1e21})).rows[0].params.value);
}

TEST_CASE("A law without a closed form is allocated by search, draws and growth included") {
  const Points points =
      sweep(outer_law(), {1.7, 400, 0.40, 900, 0.36, 0.8}, 16, {2, 8, 30, 120}, 0.004, 5);
  const FitResult fit = fitted(points, "outer", 40);
  AllocationOptions options = budgets({1e20});
  options.accept_unidentified = true;
  const Allocation found = allocate(fit, options);
  REQUIRE(found.refused.empty());
  REQUIRE(found.growth);
  CHECK_FALSE(found.growth->near_flops);
  const double alpha = fit.value("alpha"), beta = fit.value("beta");
  CHECK(*found.growth->params_exponent.value == Approx(beta / (alpha + beta)).epsilon(1e-4));
  CHECK(found.rows[0].params.ci95);
  CHECK(found.rows[0].flat->low < *found.rows[0].params.value);
}

TEST_CASE("Distinct tokens that run out are named with the epochs") {
  const FitResult fit =
      from_values(data_constrained_law(), {1.87, 521.0, 0.353, 1488.0, 0.353, 15.387756, 5.309743});
  AllocationOptions options = budgets({9.3e21});
  options.limits.unique_tokens = 2.5e10;
  const AllocationRow row = allocate(fit, options).rows[0];
  CHECK(row.binding == std::vector<std::string>{"unique-tokens"});
  CHECK(*row.epochs == Approx(*row.tokens.value / 2.5e10));
  CHECK(*row.given_up.value > 0);
}

TEST_CASE("Bad options and law joint are thrown out") {
  CHECK_THROWS_AS(allocate(given(), budgets({})), std::invalid_argument);
  CHECK_THROWS_AS(allocate(given(), budgets({-1})), std::invalid_argument);
  AllocationOptions options = budgets({1e20});
  options.flat_share = 0;
  CHECK_THROWS_WITH(allocate(given(), options), has_text("flat_share"));
  options = budgets({1e20});
  options.limits.max_params = 0;
  CHECK_THROWS_WITH(allocate(given(), options), has_text("max_params = 0"));
  options = budgets({1e20});
  options.limits.unique_tokens = 1e9;
  CHECK_THROWS_WITH(allocate(given(), options), has_text("does not know repeated tokens"));
  options = budgets({1e20});
  options.ladder = {{"none", 0, {}}};
  CHECK_THROWS_WITH(allocate(given(), options), has_text("'none'"));
  const FitResult joint =
      from_values(joint_law(), {kE, kA, kAlpha, kB, kBeta, kContinuedB, kContinuedBeta, kGamma});
  CHECK_THROWS_AS(allocate(joint, budgets({1e20})), std::invalid_argument);
}
