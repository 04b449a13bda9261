#include "fit/allocate/stage_optimum.h"

#include <cmath>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

constexpr double kFlops = 1e21;
const std::vector<double> kJoint = {kE, kA, kAlpha, kB, kBeta, kContinuedB, kContinuedBeta, kGamma};

// N* of E + A/N^alpha + B/(D^beta N^gamma) under C = 6ND, from dL/dN = 0 with D = C/(6N).
double best_params(double b, double beta, double gamma) {
  const double data = (beta - gamma) * b * std::pow(kFlops / 6, -beta);
  return std::pow(kAlpha * kA / data, 1 / (kAlpha + beta - gamma));
}

}  // namespace

TEST_CASE("Both halves of law joint have their own optimum") {
  const Theta theta = theta_from_values(joint_law(), kJoint);
  const Split scratch =
      stage_optimum(joint_law(), theta, Stage::kScratch, {kFlops, {}, {}}).value();
  const Split continued =
      stage_optimum(joint_law(), theta, Stage::kContinued, {kFlops, {}, {}}).value();
  CHECK(scratch.params == Approx(best_params(kB, kBeta, 0)).epsilon(1e-9));
  CHECK(continued.params == Approx(best_params(kContinuedB, kContinuedBeta, kGamma)).epsilon(1e-9));
  CHECK(6 * continued.params * continued.tokens == Approx(kFlops).epsilon(1e-12));
  CHECK(continued.loss == Approx(predicted_loss(joint_law(), theta, continued.params,
                                                continued.tokens, Stage::kContinued))
                              .epsilon(1e-12));
}

TEST_CASE("A half of law joint predicts what the whole does at its stage") {
  const Theta theta = theta_from_values(joint_law(), kJoint);
  for (const Stage stage : {Stage::kScratch, Stage::kContinued}) {
    const LawAt half = stage_law(joint_law(), theta, stage);
    CHECK(predicted_loss(*half.law, half.theta, 3e8, 7e9) ==
          Approx(predicted_loss(joint_law(), theta, 3e8, 7e9, stage)).epsilon(1e-14));
  }
}

TEST_CASE("A law of one stage is its own, whatever the stage") {
  const std::vector<double> values = {kE, kA, kAlpha, kB, kBeta};
  const Theta theta = theta_from_values(chinchilla_law(), values);
  for (const Stage stage : {Stage::kScratch, Stage::kContinued}) {
    CHECK(stage_law(chinchilla_law(), theta, stage).law == &chinchilla_law());
    CHECK(stage_optimum(chinchilla_law(), theta, stage, {kFlops, {}, {}})->params ==
          Approx(best_params(kB, kBeta, 0)).epsilon(1e-9));
  }
}
