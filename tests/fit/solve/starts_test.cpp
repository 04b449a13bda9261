#include "fit/solve/starts.h"

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("Non-negative least squares meets its optimality conditions") {
  Eigen::MatrixXd basis(6, 3);
  basis << 1, 0.9, 0.1, 1, 0.8, 0.3, 1, 0.5, 0.2, 1, 0.4, 0.9, 1, 0.3, 0.4, 1, 0.1, 0.7;
  for (const auto& target : {Eigen::VectorXd(basis * Eigen::Vector3d(1, 2, 3)),
                             Eigen::VectorXd(basis * Eigen::Vector3d(1, -2, 3)),
                             Eigen::VectorXd(basis * Eigen::Vector3d(-1, -2, -3))}) {
    const Eigen::VectorXd x = non_negative_least_squares(basis, target);
    const Eigen::VectorXd slope = basis.transpose() * (basis * x - target);
    for (Eigen::Index i = 0; i < 3; ++i) {
      CHECK(x[i] >= 0);
      CHECK(slope[i] > -1e-9);
      CHECK(std::abs(x[i] * slope[i]) < 1e-9);
    }
  }
}

TEST_CASE("Starts are a pure function of the seed, and differ between seeds") {
  const Objective objective =
      make_objective(extended_law(), planted::reference_points("gemstones_hot"), 1e-3);
  const Theta zero = Theta::Zero(6);
  const auto one = make_starts(objective, zero, 20, 7);
  const auto again = make_starts(objective, zero, 20, 7);
  const auto other = make_starts(objective, zero, 20, 8);
  REQUIRE(one.size() == 20);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(one[i] == again[i]);
  CHECK(one[0] != other[0]);
}

TEST_CASE("Starts are finite and keep frozen coordinates") {
  Objective objective = make_objective(extended_law(), planted::two_strategies(), 1e-3);
  const std::string_view names[] = {"E", "A", "alpha"};
  freeze(objective, names);
  Theta fixed = Theta::Zero(6);
  fixed << 0.5, -0.7, 0.34, 0, 0, 0;
  for (const Theta& start : crosslaw::tests::some(make_starts(objective, fixed, 16, 1))) {
    CHECK(start.allFinite());
    CHECK(start.head(3) == fixed.head(3));
    CHECK(start[4] > 0);
  }
}

TEST_CASE("The best projected start of exact data is near the truth") {
  const Points points = planted::sweep(
      chinchilla_law(), {planted::kE, planted::kA, planted::kAlpha, planted::kB, planted::kBeta},
      10, {1, 5, 20, 100});
  const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  const Theta best = make_starts(objective, Theta::Zero(5), 64, 1).front();
  CHECK(best[2] == Approx(planted::kAlpha).margin(0.1));
  CHECK(best[4] == Approx(planted::kBeta).margin(0.1));
}
