#include "fit/solve/search.h"

#include <ceres/ceres.h>

#include <cmath>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// One residual a point, for the Huber loss that Ceres itself applies.
struct OneResidual {
  const Problem* problem;
  std::size_t row;
  bool operator()(const double* theta, double* residual) const {
    const Sample& sample = problem->samples[row];
    residual[0] = problem->law->log_loss(theta, sample, nullptr) - sample.log_loss;
    return true;
  }
};

}  // namespace

TEST_CASE("Our objective is the cost of Ceres with its Huber loss and no further factor") {
  const Problem problem =
      make_problem(chinchilla_law(), planted::reference_points("chinchilla_epoch_240"), 1e-3);
  Theta theta(5);
  theta << 0.55, -0.6, 0.36, -1.1, 0.35;
  ceres::Problem theirs;
  for (std::size_t i = 0; i < problem.samples.size(); ++i) {
    theirs.AddResidualBlock(new ceres::NumericDiffCostFunction<OneResidual, ceres::CENTRAL, 1, 5>(
                                new OneResidual{&problem, i}),
                            new ceres::HuberLoss(problem.delta), theta.data());
  }
  double cost = 0;
  theirs.Evaluate(ceres::Problem::EvaluateOptions(), &cost, nullptr, nullptr, nullptr);
  CHECK(evaluate(problem, theta).objective == Approx(cost).epsilon(1e-12));
}

TEST_CASE("The rough descent goes down and stays in the box") {
  const Problem problem =
      make_problem(extended_law(), planted::reference_points("gemstones_hot"), 1e-3);
  Theta start(6);
  start << 0.2, 0.0, 0.8, -2.0, 0.9, 0.3;
  const Theta end = rough_descent(problem, start, 20);
  CHECK(evaluate(problem, end).objective < 0.5 * evaluate(problem, start).objective);
  CHECK((end.array() >= problem.box.lower.array()).all());
  CHECK((end.array() <= problem.box.upper.array()).all());
}

TEST_CASE("The search does not depend on the number of threads") {
  const Problem problem =
      make_problem(extended_law(), planted::reference_points("gadre_c4_original_c4val"), 1e-3);
  SearchOptions options;
  options.starts = 24;
  options.threads = 1;
  const SearchSummary one = search(problem, Theta::Zero(6), options);
  options.threads = 3;
  const SearchSummary three = search(problem, Theta::Zero(6), options);
  CHECK(one.best.theta == three.best.theta);
  CHECK(one.best.objective == three.best.objective);
  CHECK(one.starts_at_best == three.starts_at_best);
  CHECK(one.basins.size() == three.basins.size());
}

TEST_CASE("Basins are told apart, ordered, and the best one holds most starts") {
  const Problem problem =
      make_problem(extended_law(), planted::reference_points("chinchilla_epoch_240"), 1e-3);
  const SearchSummary found = search(problem, Theta::Zero(6), {});
  CHECK(found.starts_at_best > found.starts / 2);
  for (std::size_t i = 1; i < found.basins.size(); ++i) {
    CHECK(found.basins[i].objective > found.basins[i - 1].objective);
  }
}

TEST_CASE("A search on a subsample ends at the optimum of all points") {
  const Points points = planted::sweep(
      chinchilla_law(), {planted::kE, planted::kA, planted::kAlpha, planted::kB, planted::kBeta},
      100, {1, 2, 5, 10, 20, 50}, 0.01, 5);
  const Problem problem = make_problem(chinchilla_law(), points, 1e-3);
  SearchOptions options;
  const SearchSummary all = search(problem, Theta::Zero(5), options);
  options.most_samples = 150;
  const SearchSummary few = search(problem, Theta::Zero(5), options);
  CHECK(few.samples_searched == 150);
  CHECK(few.best.objective == Approx(all.best.objective).epsilon(1e-10));
  CHECK(few.best.converged);
}
