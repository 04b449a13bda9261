#include "fit/solve/search.h"

#include <ceres/ceres.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "fit/laws/laws.h"
#include "fit/solve/starts.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// One residual a point, for the Huber loss that Ceres itself applies.
struct OneResidual {
  const Objective* objective;
  std::size_t row;
  bool operator()(const double* theta, double* residual) const {
    const Sample& sample = objective->samples[row];
    residual[0] = objective->law->log_loss(theta, sample, nullptr) - sample.log_loss;
    return true;
  }
};

}  // namespace

TEST_CASE("Our objective is the cost of Ceres with its Huber loss and no further factor") {
  const Objective objective =
      make_objective(chinchilla_law(), planted::reference_points("chinchilla_epoch_240"), 1e-3);
  Theta theta(5);
  theta << 0.55, -0.6, 0.36, -1.1, 0.35;
  ceres::Problem theirs;
  for (std::size_t i = 0; i < objective.samples.size(); ++i) {
    theirs.AddResidualBlock(new ceres::NumericDiffCostFunction<OneResidual, ceres::CENTRAL, 1, 5>(
                                new OneResidual{&objective, i}),
                            new ceres::HuberLoss(objective.delta), theta.data());
  }
  double cost = 0;
  theirs.Evaluate(ceres::Problem::EvaluateOptions(), &cost, nullptr, nullptr, nullptr);
  CHECK(evaluate(objective, theta).objective == Approx(cost).epsilon(1e-12));
}

TEST_CASE("Ceres goes down, stays in the box and leaves frozen coordinates alone") {
  Objective objective =
      make_objective(extended_law(), planted::reference_points("gemstones_hot"), 1e-3);
  Theta start(6);
  start << 0.2, 0.0, 0.8, -2.0, 0.9, 0.3;
  objective.box.free[4] = false;
  const Theta end = descend(objective, start);
  CHECK(evaluate(objective, end).objective < 0.5 * evaluate(objective, start).objective);
  CHECK((end.array() >= objective.box.lower.array()).all());
  CHECK((end.array() <= objective.box.upper.array()).all());
  CHECK(end[4] == start[4]);
}

TEST_CASE("Ceres alone comes from nearly every start to the reference, and Newton only polishes") {
  std::ifstream file(planted::data_path("reference_fits.json"));
  const nlohmann::json references = nlohmann::json::parse(file)["fits"];
  for (const char* key : {"chinchilla_epoch_240", "gemstones_hot", "olmo_ladder_c4_paper16"}) {
    for (const auto& [entry, law] :
         {std::pair("law1", &chinchilla_law()), {"law2", &extended_law()}}) {
      const double reference = references[key][entry]["objective"];
      const Objective objective = make_objective(*law, planted::reference_points(key), 1e-3);
      const std::vector<Theta> starts = make_starts(objective, Theta::Zero(law->size()), 64, 1);
      int arrived = 0;
      for (const Theta& start : starts) {
        const Theta end = descend(objective, start);
        const double reached = evaluate(objective, end).objective;
        if (reached > reference * (1 + 1e-7)) continue;
        ++arrived;
        const NewtonSummary polished =
            minimise(*law, objective.samples, objective.delta, objective.box, end);
        CHECK(polished.converged);
        CHECK(polished.evaluations <= 30);
        CHECK(polished.objective > reached * (1 - 2e-7));
      }
      INFO(key << " " << law->name);
      CHECK(arrived > 0.85 * 64);
    }
  }
}

TEST_CASE("Every start sees every sample") {
  // One sample of nine hundred lies apart (by 0.26) with so much weight that it decides the fit.
  std::vector<double> ratios;
  for (int i = 0; i < 30; ++i) ratios.push_back(std::pow(1.2, i));
  Points points = planted::sweep(
      chinchilla_law(), {planted::kE, planted::kA, planted::kAlpha, planted::kB, planted::kBeta},
      30, ratios, 0.01, 5);
  const std::size_t odd = 577;
  points[odd].loss *= 1.3;
  points[odd].weight = 1e7;
  const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  for (const Theta& start : make_starts(objective, Theta::Zero(5), 8, 1)) {
    CHECK(std::abs(residuals(objective, descend(objective, start))[odd]) < 1e-3);
  }
}

TEST_CASE("The search does not depend on the number of threads") {
  const Objective objective =
      make_objective(extended_law(), planted::reference_points("gadre_c4_original_c4val"), 1e-3);
  SearchOptions options;
  options.starts = 24;
  options.threads = 1;
  const SearchSummary one = search(objective, Theta::Zero(6), options);
  options.threads = 3;
  const SearchSummary three = search(objective, Theta::Zero(6), options);
  CHECK(one.best.theta == three.best.theta);
  CHECK(one.best.objective == three.best.objective);
  CHECK(one.starts_at_best == three.starts_at_best);
  CHECK(one.basins.size() == three.basins.size());
}

TEST_CASE("Basins are told apart, ordered, and the best one holds most starts") {
  const Objective objective =
      make_objective(extended_law(), planted::reference_points("chinchilla_epoch_240"), 1e-3);
  const SearchSummary found = search(objective, Theta::Zero(6), {});
  CHECK(found.starts_at_best > found.starts / 2);
  for (std::size_t i = 1; i < found.basins.size(); ++i) {
    CHECK(found.basins[i].objective > found.basins[i - 1].objective);
  }
}

TEST_CASE("Starts that go down on a part of many samples end at the optimum of all") {
  const std::vector<double> truth = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                     planted::kBeta};
  std::vector<double> ratios;
  for (int i = 0; i < 50; ++i) ratios.push_back(std::pow(200, i / 49.0));
  const Objective objective = make_objective(
      chinchilla_law(), planted::sweep(chinchilla_law(), truth, 100, ratios, 0.01), 1e-3);
  const Theta none = Theta::Zero(5);
  const SearchSummary found = search(objective, none, {8, 1, 1});
  CHECK(found.samples == 2000);
  CHECK(found.starts_at_best >= 6);
  // Where a walk on all samples from the truth ends.
  const Theta from = objective.centred(theta_from_values(chinchilla_law(), truth));
  const NewtonSummary direct =
      minimise(chinchilla_law(), objective.samples, objective.delta, objective.box, from);
  REQUIRE(direct.converged);
  CHECK(found.best.converged);
  CHECK(found.best.objective <= direct.objective * (1 + 1e-9));
}
