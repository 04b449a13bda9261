// A run of an untied model of 1.8M parameters beside its twin in fp64. How far apart they may be is
// measured, too: by a twin of the same operations in fp32.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/plain_training.h"
#include "tests/support/training_workshop.h"

namespace crosslaw::trainer {
namespace {

// Chance may bring fp32's twin nearer to fp64 than another order of sums would be.
constexpr double kTimesAsFar = 5, kAlwaysAllowed = 1e-4;

void compare_with_twins(int64_t steps) {
  const tests::TrainingWorkshop w;
  TrainConfig config = w.config("fr", steps);
  config.recipe.model = {256, 168, 448, 6, 5, false};
  config.recipe.schedule.peak_learning_rate = 0.002;
  Parameters start(config.recipe.model, at::kFloat, at::kCPU);
  start.initialize(config.recipe.seed, config.recipe.init_std);
  REQUIRE(start.count() > 1'750'000);
  const tests::Journal ours = w.run(config, "ours");
  tests::PlainTraining wide(config, start, at::kDouble), narrow(config, start, at::kFloat);
  double our_distance = 0, twins_distance = 0, last = 0;
  for (int64_t step = 0; step < steps; ++step) {
    last = wide.step(step).loss;
    our_distance = std::max(our_distance, std::abs(ours.losses.at(step) - last));
    twins_distance = std::max(twins_distance, std::abs(narrow.step(step).loss - last));
  }
  const std::string found =
      fmt::format("{} steps to a loss of {:.3f}: {:.2e} from fp64 at most, LibTorch's fp32 {:.2e}",
                  steps, last, our_distance, twins_distance);
  INFO(found);
  if (steps > 100) WARN(found);
  CHECK(twins_distance > 0);
  CHECK(our_distance < std::max(kTimesAsFar * twins_distance, kAlwaysAllowed));
  CHECK(last < ours.losses.at(0) - 0.02 * static_cast<double>(std::min<int64_t>(steps, 50)));
}

}  // namespace

TEST_CASE("an untied model is as near to its twin in fp64 as LibTorch's fp32 is") {
  compare_with_twins(10);
}

// scripts/fp64_twin.sh
TEST_CASE("an untied model stays near its twin in fp64 over two hundred steps", "[.][long]") {
  compare_with_twins(200);
}

}  // namespace crosslaw::trainer
