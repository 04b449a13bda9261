#include "fit/solve/one_step.h"

#include <limits>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "fit/solve/newton.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

struct Optimum {
  Objective objective;
  NewtonSummary found;
};

Optimum minimum_of(const Points& points, double delta) {
  FitOptions options;
  options.huber_delta = delta;
  options.draws = 0;
  options.starts = 8;
  Objective objective = make_objective(chinchilla_law(), points, delta);
  const Theta start = objective.centred(fit_law(points, options).theta);
  return {objective, minimise(*objective.law, objective.samples, delta, objective.box, start)};
}

// The change of the optimum, by refitting without sample `gone`.
NewtonSummary refitted(const Optimum& at, std::size_t gone) {
  std::vector<Sample> rest = at.objective.samples;
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
  return minimise(*at.objective.law, rest, at.objective.delta, at.objective.box, at.found.theta);
}

}  // namespace

TEST_CASE("One step without a sample of many is what a refit without it gives") {
  Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 100,
                        {1, 2, 5, 10, 20, 40, 60, 80, 100, 200}, 0.003, 5);
  points[400].loss *= 1.02;
  const Optimum at = minimum_of(points, std::numeric_limits<double>::infinity());
  const OneStep step(at.objective, at.found.theta);
  for (const std::size_t gone : {std::size_t{0}, std::size_t{400}, std::size_t{999}}) {
    const auto change =
        step.without({&at.objective.samples[gone], 1}, Theta::Zero(at.found.theta.size()));
    REQUIRE(change);
    const NewtonSummary exact = refitted(at, gone);
    const Theta moved = exact.theta - at.found.theta;
    CHECK((change->theta - moved).norm() < 0.03 * moved.norm());
    CHECK(at.found.objective + change->objective == Approx(exact.objective).epsilon(1e-6));
  }
}

TEST_CASE("Coordinates that are frozen change as they are told and the others follow") {
  const Points points =
      sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 40, {2, 5, 10, 20, 40}, 0.003, 6);
  Optimum at = minimum_of(points, std::numeric_limits<double>::infinity());
  at.objective.box.free[2] = false;
  Theta told = Theta::Zero(5);
  told[2] = 0.002;
  const auto change = OneStep(at.objective, at.found.theta).without({}, told);
  REQUIRE(change);
  CHECK(change->theta[2] == 0.002);
  const NewtonSummary exact = minimise(*at.objective.law, at.objective.samples, at.objective.delta,
                                       at.objective.box, Theta(at.found.theta + told));
  CHECK((at.found.theta + change->theta - exact.theta).norm() <
        0.05 * (exact.theta - at.found.theta).norm());
}
