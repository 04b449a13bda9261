#include "apps/study/loss_frontier.h"

#include <algorithm>
#include <cmath>

#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

namespace {

// Whether a curve of the strategy holds this very loss at this very compute.
bool is_drawn(const LossOverCompute& figure, const LossFrontier& frontier,
              const LossAtCompute& wanted) {
  return std::any_of(figure.curves.begin(), figure.curves.end(), [&](const LossCurve& curve) {
    if (curve.strategy != frontier.strategy || curve.replay != frontier.replay) return false;
    return std::any_of(curve.points.begin(), curve.points.end(), [&](const LossAtCompute& at) {
      return at.end && at.loss == wanted.loss && std::abs(at.flops / wanted.flops - 1) < 1e-12;
    });
  });
}

double loss_of(const LossFrontier& frontier, double flops) {
  return (frontier.floor ? *frontier.floor->value : 0) +
         *frontier.coefficient.value * std::pow(flops, -*frontier.exponent.value);
}

}  // namespace

TEST_CASE("A frontier runs through losses that its own figure draws, however compute is counted") {
  for (const ComputeCount compute : {ComputeCount::kExact, ComputeCount::kSixNd}) {
    INFO(axis_name(compute));
    const LossOverCompute figure = loss_over_compute(planted_demo().observations, compute);
    REQUIRE(figure.frontiers.size() == 4);
    for (const LossFrontier& frontier : figure.frontiers) {
      INFO(frontier.strategy);
      REQUIRE(frontier.lowest.size() > 5);
      for (const LossAtCompute& at : frontier.lowest) CHECK(is_drawn(figure, frontier, at));
      // The page counts exact FLOPs; the largest sizes bend 6ND a little more.
      CHECK(frontier.mean_distance < (compute == ComputeCount::kExact ? 0.01 : 0.012));
    }
  }
}

TEST_CASE("A frontier fitted on 6ND would lie beside the losses over exact FLOPs") {
  const LossOverCompute exact =
      loss_over_compute(planted_demo().observations, ComputeCount::kExact);
  const LossOverCompute six = loss_over_compute(planted_demo().observations, ComputeCount::kSixNd);
  REQUIRE(exact.frontiers.size() == 4);
  REQUIRE(six.frontiers.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    double below = 0;
    for (const LossAtCompute& at : exact.frontiers[i].lowest) {
      below += std::log(at.loss / loss_of(six.frontiers[i], at.flops)) /
               static_cast<double>(exact.frontiers[i].lowest.size());
    }
    CHECK(below > 0.015);
  }
}

TEST_CASE("The line of a frontier is its law from the first lowest loss to the last") {
  const LossOverCompute figure =
      loss_over_compute(planted_demo().observations, ComputeCount::kExact);
  for (const LossFrontier& frontier : tests::some(figure.frontiers)) {
    REQUIRE(frontier.line.size() == (frontier.floor ? 33 : 2));
    CHECK(frontier.line.front().flops == frontier.lowest.front().flops);
    CHECK(frontier.line.back().flops == frontier.lowest.back().flops);
    for (const LossAtCompute& at : frontier.line) {
      CHECK(at.loss == Approx(loss_of(frontier, at.flops)));
    }
    REQUIRE(frontier.exponent.ci95);
    CHECK(frontier.exponent.ci95->low < *frontier.exponent.value);
    CHECK(*frontier.exponent.value < frontier.exponent.ci95->high);
  }
}

TEST_CASE("No loss of a strategy at as little compute is lower than its frontier's") {
  const LossOverCompute figure =
      loss_over_compute(planted_demo().observations, ComputeCount::kExact);
  for (const LossFrontier& frontier : tests::some(figure.frontiers)) {
    std::size_t ends = 0;
    for (const LossCurve& curve : figure.curves) {
      if (curve.strategy != frontier.strategy) continue;
      for (const LossAtCompute& at : curve.points) {
        if (!at.end) continue;
        ++ends;
        const auto cheaper = std::find_if(
            frontier.lowest.rbegin(), frontier.lowest.rend(),
            [&](const LossAtCompute& each) { return each.flops <= at.flops * (1 + 1e-12); });
        REQUIRE(cheaper != frontier.lowest.rend());
        CHECK(cheaper->loss <= at.loss);
      }
    }
    CHECK(ends > 0);
  }
}
