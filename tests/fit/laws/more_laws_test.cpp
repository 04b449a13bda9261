// The laws beside those of the paper, on data with a known truth.
#include <cmath>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

FitResult fit_of(const Law& law, const Points& points, int draws = 0) {
  FitOptions options;
  options.law = law.name;
  options.draws = draws;
  return fit_law(points, options);
}

void check_recovered(const Law& law, const FitResult& fit, const std::vector<double>& truth) {
  CHECK(fit.converged);
  CHECK(fit.identifiable);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    INFO(law.name << " " << law.coefficients[i].name);
    CHECK(fit.coefficients[i].value == Approx(truth[i]).epsilon(1e-6));
  }
}

// Sizes times budgets of unique data times epochs.
Points repeated(const std::vector<double>& truth) {
  const Law& law = data_constrained_law();
  const Theta theta = theta_from_values(law, truth);
  Points out;
  for (double params = 2e7; params < 9e9; params *= 3) {
    for (double unique = 1e8; unique < 3e10; unique *= 4) {
      for (const double epochs : {1.0, 3.0, 8.0, 30.0, 100.0}) {
        Point point;
        point.params = params;
        point.tokens = epochs * unique;
        point.unique_tokens = unique;
        point.loss = predicted_loss(law, theta, params, point.tokens, Stage::kScratch, unique);
        out.push_back(point);
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("The outer exponent is recovered to six digits") {
  const std::vector<double> truth = {1.6, 2300.0, 0.42, 9900.0, 0.43, 0.77};
  const Points points = planted::sweep(outer_law(), truth, 12, {1, 5, 20, 80});
  check_recovered(outer_law(), fit_of(outer_law(), points), truth);
}

TEST_CASE("The kaplan law is recovered to six digits, with the spread of its critical sizes") {
  const std::vector<double> truth = {11.2, 0.076, 23.1, 0.103};
  const FitResult exact = fit_of(kaplan_law(), planted::sweep(kaplan_law(), truth, 12, {1, 5, 20}));
  check_recovered(kaplan_law(), exact, truth);
  const FitResult noisy =
      fit_of(kaplan_law(), planted::sweep(kaplan_law(), truth, 12, {1, 5, 20}, 0.003, 5), 200);
  const std::vector<Derived> derived = noisy.derived();
  REQUIRE(derived.size() == 2);
  CHECK(derived[0].name == "N_c");
  REQUIRE(derived[0].ci95);
  CHECK(derived[0].ci95->low < std::pow(11.2, 1 / 0.076));
  CHECK(derived[0].ci95->high > std::pow(11.2, 1 / 0.076));
}

TEST_CASE("The worth of repeated data is recovered to six digits") {
  const std::vector<double> truth = {1.87, 521.0, 0.353, 1488.0, 0.38, 15.39, 5.31};
  check_recovered(data_constrained_law(), fit_of(data_constrained_law(), repeated(truth)), truth);
}

TEST_CASE("Without a repeated token the worth of repetition is not identifiable") {
  Points points = planted::sweep(
      chinchilla_law(), {planted::kE, planted::kA, planted::kAlpha, planted::kB, planted::kBeta},
      12, {1, 5, 20, 80});
  const FitResult fit = fit_of(data_constrained_law(), points);
  CHECK_FALSE(fit.identifiable);
  CHECK_FALSE(fit.coefficient("R_D").identifiable);
  CHECK(fit.coefficient("alpha").identifiable);
  REQUIRE_FALSE(fit.problems.empty());
  CHECK_THAT(fit.problems.front(), has_text("sees a token twice"));
}

// kaplan is outer with E = 0 and k = beta, chinchilla is outer with k = 1.
TEST_CASE("The outer law is never worse than the laws that it contains") {
  const std::vector<double> sharp = {11.2, 0.076, 23.1, 0.103};
  const std::vector<double> smooth = {1.7, 406, 0.34, 410, 0.28};
  for (const Points& points : {planted::sweep(kaplan_law(), sharp, 12, {1, 5, 20, 80}, 0.01, 3),
                               planted::sweep(chinchilla_law(), smooth, 9, {5, 20}, 0.02, 4)}) {
    const FitResult outer = fit_of(outer_law(), points);
    CHECK(outer.converged);
    for (const Law* law : {&kaplan_law(), &chinchilla_law()}) {
      CHECK(outer.objective <= fit_of(*law, points).objective * (1 + 1e-7));
    }
  }
}
