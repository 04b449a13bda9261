#include "fit/solve/newton.h"

#include <cmath>
#include <vector>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

Theta far_start(const Objective& objective) {
  Theta theta = Theta::Constant(objective.law->size(), 0.3);
  theta[0] = objective.min_log_loss - 1;
  theta[1] = -1;
  theta[3] = -1;
  return theta;
}

}  // namespace

TEST_CASE("A planted law is recovered to ten digits from a far start") {
  const Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 12, {1, 5, 20, 80});
  const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  const NewtonSummary found = minimise(chinchilla_law(), objective.samples, objective.delta,
                                       objective.box, far_start(objective));
  CHECK(found.converged);
  const Theta plain = objective.plain(found.theta);
  CHECK(std::exp(plain[0]) == Approx(kE).epsilon(1e-10));
  CHECK(std::exp(plain[1]) == Approx(kA).epsilon(1e-8));
  CHECK(plain[2] == Approx(kAlpha).epsilon(1e-10));
  CHECK(std::exp(plain[3]) == Approx(kB).epsilon(1e-8));
  CHECK(plain[4] == Approx(kBeta).epsilon(1e-10));
}

TEST_CASE("The end of a walk is stationary although the Hessian jumps on the way") {
  for (const char* key : {"chinchilla_epoch_240", "gemstones_hot", "olmo_ladder_c4_paper16"}) {
    const Objective objective = make_objective(chinchilla_law(), reference_points(key), 1e-3);
    const NewtonSummary found = minimise(chinchilla_law(), objective.samples, objective.delta,
                                         objective.box, far_start(objective));
    INFO(key);
    CHECK(found.converged);
    CHECK(found.gradient_norm <= 1e-10 * found.pull);
    for (int i = 0; i < 5; ++i) {
      for (const double step : {-1e-4, 1e-4}) {
        Theta moved = found.theta;
        moved[i] += step;
        CHECK(evaluate(objective, moved).objective > found.objective);
      }
    }
  }
}

TEST_CASE("Nearly absolute residuals are minimised as well") {
  const Points points = reference_points("chinchilla_epoch_240");
  Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  Theta theta = far_start(objective);
  for (const double delta : {1e-3, 1e-4, 1e-5, 1e-6}) {
    theta = minimise(chinchilla_law(), objective.samples, delta, objective.box, theta).theta;
  }
  objective.delta = 1e-6;
  const NewtonSummary found =
      minimise(chinchilla_law(), objective.samples, objective.delta, objective.box, theta);
  CHECK(found.converged);
  CHECK(found.objective == Approx(1.12937621815e-06).epsilon(1e-9));
}

TEST_CASE("Frozen coordinates do not move, even outside the box") {
  const Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 8, {1, 10, 100});
  Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  objective.box.free[4] = false;
  Theta start = far_start(objective);
  start[4] = objective.box.upper[4] + 1;
  const NewtonSummary found =
      minimise(chinchilla_law(), objective.samples, objective.delta, objective.box, start);
  CHECK(found.theta[4] == start[4]);
}

TEST_CASE("A coordinate stops at its bound and the rest is minimised there") {
  const Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 12, {1, 5, 20, 80});
  Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  objective.box.upper[2] = 0.30;  // below the true alpha
  const NewtonSummary found = minimise(chinchilla_law(), objective.samples, objective.delta,
                                       objective.box, far_start(objective));
  CHECK(found.converged);
  CHECK(found.theta[2] == 0.30);
  CHECK(found.objective > 0);
  CHECK(evaluate(objective, found.theta).gradient[2] < 0);
}

TEST_CASE("Data without an irreducible loss end at E = 0") {
  Points points;
  for (const double n : {1e7, 1e8, 1e9, 1e10}) {
    for (const double d : {1e9, 1e10, 1e11}) {
      // A curve that bends the other way: no constant can be added to it.
      const double loss = 20 / std::pow(n, 0.1) + 30 / std::pow(d, 0.12) - 0.4;
      points.push_back({n, d, loss});
    }
  }
  const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  const NewtonSummary found = minimise(chinchilla_law(), objective.samples, objective.delta,
                                       objective.box, far_start(objective));
  CHECK(found.converged);
  CHECK(std::exp(found.theta[0] - objective.min_log_loss) < 1e-6);
  CHECK(evaluate(objective, found.theta).gradient[0] >= 0);
}

TEST_CASE("Residuals near the rounding of a double do not stop the walk early") {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    const Points points =
        sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 8, {1, 5, 20, 80}, 1e-7, seed);
    const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
    const NewtonSummary found = minimise(chinchilla_law(), objective.samples, objective.delta,
                                         objective.box, far_start(objective));
    INFO("seed " << seed);
    CHECK(found.converged);
    CHECK(found.gradient_norm <= 1e-7 * found.pull);
  }
}

TEST_CASE("A refit that starts with E = 0 stays there when E does not want to rise, else leaves") {
  // A sum of powers less a constant asks for a floor below 0; the same with a floor of its own.
  for (const double floor : {-0.5, 1.0}) {
    Points points;
    for (int i = 0; i < 12; ++i) {
      for (const double ratio : {1.0, 5.0, 25.0, 125.0}) {
        const double params = 1e7 * std::pow(1000, i / 11.0), tokens = ratio * params;
        const double loss = 12 * std::pow(params, -0.09) + 24 * std::pow(tokens, -0.12) + floor;
        points.push_back({params, tokens, loss});
      }
    }
    const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
    const std::vector<double> near = {1e-12, 12, 0.09, 24, 0.12};
    Theta start = objective.centred(theta_from_values(chinchilla_law(), near));
    start[0] = objective.box.lower[0];
    const NewtonSummary found =
        minimise(chinchilla_law(), objective.samples, objective.delta, objective.box, start);
    CHECK(found.converged);
    const double ends_at = std::exp(found.theta[0]);
    INFO("floor " << floor << " ends at " << ends_at);
    if (floor < 0) CHECK(ends_at < 1e-6);
    if (floor > 0) CHECK(ends_at == Approx(floor).epsilon(1e-3));
  }
}
