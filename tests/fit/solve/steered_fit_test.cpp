// Fits under constraints and with another weight for overestimates.
#include <cmath>
#include <random>
#include <string_view>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "fit/solve/objective.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

FitOptions quick(std::vector<Constraint> constraints) {
  FitOptions out;
  out.starts = 16;
  out.draws = 40;
  out.constraints = std::move(constraints);
  return out;
}

Constraint fixed(const char* name, double value) { return {name, value, ""}; }
Constraint tied(const char* name, const char* to) { return {name, std::nullopt, to}; }

double objective_at(const Points& points, const Theta& plain, double delta) {
  const Objective objective = make_objective(chinchilla_law(), points, delta);
  return evaluate(objective, objective.centred(plain)).objective;
}

}  // namespace

TEST_CASE("Held where the free fit ends, every coefficient leaves the optimum where it was") {
  const Points points = planted::reference_points("chinchilla_epoch_240");
  const FitResult free_fit = fit_law(points, quick({}));
  for (const char* name : {"E", "A", "alpha", "B", "beta"}) {
    INFO(name);
    const FitResult held = fit_law(points, quick({fixed(name, free_fit.value(name))}));
    CHECK(held.objective == Approx(free_fit.objective).epsilon(1e-7));
    CHECK(held.converged);
    CHECK(held.coefficient(name).frozen);
    CHECK(held.coefficient(name).held == "fixed");
    CHECK(held.value(name) == Approx(free_fit.value(name)).epsilon(1e-12));
    CHECK(held.draws.cols() == 5);
    // A coefficient that is known makes the others no less known.
    const char* other = std::string_view(name) == "E" ? "alpha" : "E";
    CHECK(held.coefficient(other).se.value() <= 1.05 * free_fit.coefficient(other).se.value());
  }
}

TEST_CASE("The optimum under constraints is lower than its neighbours that keep them") {
  const Points points = planted::reference_points("chinchilla_epoch_240");
  const FitResult fit = fit_law(points, quick({fixed("E", 1.6), tied("alpha", "beta")}));
  CHECK(fit.value("E") == Approx(1.6).epsilon(1e-12));
  CHECK(fit.value("alpha") == Approx(fit.value("beta")).epsilon(1e-12));
  CHECK(fit.coefficient("alpha").held == "= beta");
  CHECK(fit.coefficient("alpha").ci95->low == fit.coefficient("beta").ci95->low);
  const double least = objective_at(points, fit.theta, 1e-3);
  CHECK(least == Approx(fit.objective).epsilon(1e-9));
  CHECK(least > fit_law(points, quick({})).objective);
  std::mt19937_64 engine(3);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 200; ++i) {
    Theta at = fit.theta;
    const double exponent = 1e-3 * normal(engine);
    at[1] += exponent * 18 + 1e-3 * normal(engine);
    at[2] += exponent;
    at[3] += exponent * 22 + 1e-3 * normal(engine);
    at[4] += exponent;
    CHECK(objective_at(points, at, 1e-3) >= least * (1 - 1e-12));
  }
  for (Eigen::Index r = 0; r < fit.draws.rows(); ++r) {
    CHECK(std::exp(fit.draws(r, 0)) == Approx(1.6).epsilon(1e-12));
    CHECK(fit.draws(r, 2) == Approx(fit.draws(r, 4)).epsilon(1e-12));
  }
}

TEST_CASE("A planted law with equal exponents is found from few points once they are tied") {
  const Points points =
      planted::sweep(chinchilla_law(), {1.7, 300, 0.3, 500, 0.3}, 4, {10, 40}, 0.001);
  const FitResult fit = fit_law(points, quick({tied("alpha", "beta")}));
  CHECK(fit.value("alpha") == Approx(0.3).margin(0.02));
  CHECK(fit.value("E") == Approx(1.7).margin(0.1));
}

TEST_CASE("With a large weight for overestimates the fit follows the lower edge of the points") {
  Points points =
      planted::sweep(chinchilla_law(), {1.7, 400, 0.34, 420, 0.28}, 12, {5, 10, 20, 40, 80});
  // Badly tuned runs are worse than the law, never better.
  std::mt19937_64 engine(7);
  std::exponential_distribution<double> worse(1 / 0.02);
  for (Point& each : points) each.loss *= std::exp(worse(engine));
  FitOptions options = quick({});
  options.draws = 0;
  options.huber_delta = 1;  // squares, so that the weight makes an expectile
  const FitResult plain = fit_law(points, options);
  options.over_weight = 100;
  const FitResult edge = fit_law(points, options);
  const auto error = [&](const FitResult& fit) {
    const Theta truth = theta_from_values(chinchilla_law(), {{1.7, 400, 0.34, 420, 0.28}});
    double out = 0;
    for (const Point& each : points) {
      out += std::log(predicted_loss(*fit.law, fit.theta, each.params, each.tokens) /
                      predicted_loss(chinchilla_law(), truth, each.params, each.tokens));
    }
    return out / static_cast<double>(points.size());
  };
  CHECK(error(plain) > 0.015);
  CHECK(error(edge) < 0.006);
  CHECK(error(edge) > -0.003);
  CHECK(edge.converged);
  CHECK(edge.over_weight == 100);
}

TEST_CASE("A two-stage fit takes no constraints, and unknown names are refused") {
  const Points points = planted::two_strategies(0.003);
  FitOptions options = quick({fixed("E", 1.6)});
  options.law = "two-stage";
  CHECK_THROWS_WITH(fit_law(points, options), has_text("law joint"));
  options.law = "chinchilla";
  options.constraints = {fixed("gamma", 0)};
  CHECK_THROWS_WITH(fit_law(points, options), has_text("no coefficient 'gamma'"));
  options.law = "joint";
  options.constraints = {tied("beta_continued", "beta")};
  const FitResult fit = fit_law(points, options);
  CHECK(fit.value("beta_continued") == Approx(fit.value("beta")).epsilon(1e-12));
}
