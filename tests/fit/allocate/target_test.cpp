#include "fit/allocate/target.h"

#include <cmath>
#include <stdexcept>

#include "fit/laws/law_parts.h"
#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;
using Quantity = Target::Quantity;

namespace {

constexpr double kFlops = 1e21;
const std::vector<double> kJoint = {kE, kA, kAlpha, kB, kBeta, kContinuedB, kContinuedBeta, kGamma};

// N* of E + A/N^alpha + B/(D^beta N^gamma) under C = 6ND, from dL/dN = 0 with D = C/(6N).
double best_params(double b, double beta, double gamma) {
  const double data = (beta - gamma) * b * std::pow(kFlops / 6, -beta);
  return std::pow(kAlpha * kA / data, 1 / (kAlpha + beta - gamma));
}

}  // namespace

TEST_CASE("Every strategy of law joint has its own optimum") {
  const Theta theta = theta_from_values(joint_law(), kJoint);
  const auto value = [&](const char* name) {
    return value_of(find_target(joint_law(), name), joint_law(), theta, {kFlops, {}, {}}).value();
  };
  CHECK(value("scratch N*") == Approx(best_params(kB, kBeta, 0)).epsilon(1e-9));
  const double params = best_params(kContinuedB, kContinuedBeta, kGamma);
  CHECK(value("continued N*") == Approx(params).epsilon(1e-9));
  CHECK(6 * value("continued N*") * value("continued D*") == Approx(kFlops).epsilon(1e-12));
  CHECK(value("continued loss") ==
        Approx(predicted_loss(joint_law(), theta, params, kFlops / 6 / params, Stage::kContinued))
            .epsilon(1e-12));
  CHECK(value("B_continued") == Approx(kContinuedB).epsilon(1e-12));
}

TEST_CASE("A target is read as it is written") {
  for (const char* name : {"N*", "D*", "loss", "E", "beta"}) {
    CHECK(name_of(find_target(chinchilla_law(), name)) == name);
  }
  for (const char* name : {"scratch N*", "continued loss", "gamma"}) {
    CHECK(name_of(find_target(joint_law(), name)) == name);
  }
  CHECK(find_target(joint_law(), "N*") == Target{Quantity::kParams, "continued", ""});
  CHECK_FALSE(find_target(joint_law(), "gamma").of_budget());
  CHECK_THROWS_AS(find_target(chinchilla_law(), "scratch N*"), std::invalid_argument);
  CHECK_THROWS_AS(find_target(chinchilla_law(), "gamma"), std::invalid_argument);
}
