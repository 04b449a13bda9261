#include "fit/solve/objective.h"

#include <cmath>
#include <limits>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("Huber is half a square inside delta and a line of slope delta outside") {
  CHECK(huber(0.5e-3, 1e-3) == 0.125e-6);
  CHECK(huber(-1e-3, 1e-3) == Approx(0.5e-6));
  CHECK(huber(3e-3, 1e-3) == Approx(1e-3 * (3e-3 - 0.5e-3)));
  CHECK(huber(-3e-3, 1e-3) == huber(3e-3, 1e-3));
  CHECK(huber(2.0, std::numeric_limits<double>::infinity()) == 2.0);
}

TEST_CASE("The objective is the weighted sum of Huber over log residuals, not the mean") {
  Points points = planted::reference_points("chinchilla_epoch_240");
  points[3].weight = 2.5;
  const Law& law = chinchilla_law();
  const Theta theta = theta_from_values(law, {{1.8172, 482.01, 0.3478, 2085.43, 0.3658}});
  double expected = 0;
  for (const Point& p : points) {
    const double predicted =
        1.8172 + 482.01 / std::pow(p.params, 0.3478) + 2085.43 / std::pow(p.tokens, 0.3658);
    expected += p.weight * huber(std::log(predicted) - std::log(p.loss), 1e-3);
  }
  const Objective objective = make_objective(law, points, 1e-3);
  CHECK(evaluate(objective, objective.centred(theta)).objective == Approx(expected).epsilon(1e-12));
}

TEST_CASE("The objective at published coefficients is the published objective") {
  const Objective objective =
      make_objective(chinchilla_law(), planted::reference_points("chinchilla_epoch_240"), 1e-3);
  const auto at = [&](std::vector<double> values) {
    return evaluate(objective, objective.centred(theta_from_values(chinchilla_law(), values)))
        .objective;
  };
  CHECK(at({1.81686, 482.00572, 0.34781, 2085.4342, 0.36585}) ==
        Approx(0.00101874582).epsilon(1e-8));
  CHECK(at({1.69, 406.4, 0.34, 410.7, 0.28}) == Approx(0.00412100914).epsilon(1e-8));
}

TEST_CASE("Centring and its inverse cancel, and centred logs have mean zero") {
  const Points points = planted::two_strategies();
  for (const std::string_view name : law_names()) {
    const Law& law = find_law(name);
    const Objective objective = make_objective(law, points, 1e-3);
    Theta theta = Theta::LinSpaced(law.size(), 0.1, 0.9);
    CHECK(objective.centred(objective.plain(theta)).isApprox(theta, 1e-12));
    double x = 0, y = 0;
    for (const Sample& s : objective.samples) {
      x += s.log_params;
      y += s.log_tokens;
    }
    CHECK(std::abs(x) < 1e-9);
    if (objective.law->moves_tokens) CHECK(std::abs(y) < 1e-9);
  }
}

TEST_CASE("Jacobian and residuals belong to the objective's gradient") {
  const Objective objective =
      make_objective(extended_law(), planted::reference_points("gadre_rpj_c4val"), 1e-3);
  Theta theta(6);
  theta << 0.5, -0.3, 0.25, -0.2, 0.3, -0.1;
  const Eigen::VectorXd r = residuals(objective, theta);
  const Eigen::VectorXd force = r.cwiseMax(-1e-3).cwiseMin(1e-3);
  const Eigen::VectorXd gradient = jacobian(objective, theta).transpose() * force;
  CHECK(gradient.isApprox(evaluate(objective, theta).gradient, 1e-12));
}

TEST_CASE("A free coordinate stands at its bound, and E also where nothing of it is left") {
  Objective objective = make_objective(chinchilla_law(), planted::two_strategies(), 1e-3);
  Theta theta = Theta::Constant(5, 0.3);
  theta[0] = objective.min_log_loss + std::log(1.01e-6);
  CHECK(standing(objective, theta, 0) == Standing::kInside);
  CHECK(standing(objective, theta, 2) == Standing::kInside);
  theta[0] = objective.min_log_loss + std::log(0.99e-6);
  CHECK(standing(objective, theta, 0) == Standing::kNoFloor);
  theta[0] = objective.box.upper[0];
  CHECK(standing(objective, theta, 0) == Standing::kAtBound);
  theta[2] = objective.box.lower[2] + 1e-10;
  CHECK(standing(objective, theta, 2) == Standing::kAtBound);
  objective.box.free[2] = false;
  CHECK(standing(objective, theta, 2) == Standing::kInside);
}

TEST_CASE("Frozen coordinates are not counted as free") {
  Objective objective = make_objective(extended_law(), planted::two_strategies(), 1e-3);
  CHECK(objective.box.free_count(6) == 6);
  const std::string_view names[] = {"E", "A", "alpha"};
  freeze(objective, names);
  CHECK(objective.box.free_count(6) == 3);
  CHECK_FALSE(objective.box.free[2]);
}
