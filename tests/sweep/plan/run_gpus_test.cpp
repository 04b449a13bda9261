#include "sweep/plan/run_gpus.h"

#include <limits>

#include "sweep/spec/spec_error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

constexpr double kOpen = std::numeric_limits<double>::infinity();

trainer::Recipe recipe_of(int64_t hidden, int64_t ffn, int64_t heads, int64_t layers,
                          int64_t batch_sequences) {
  trainer::Recipe recipe;
  recipe.model = {32000, hidden, ffn, heads, layers, false};
  recipe.context_tokens = 2048;
  recipe.batch_sequences = batch_sequences;
  return recipe;
}

trainer::Recipe largest() { return recipe_of(3200, 12960, 32, 31, 2048); }  // 5.5B

LaunchSpec launch_of(std::vector<GpuTier> tiers) {
  LaunchSpec launch;
  launch.devices = "gpu";
  launch.gpus_per_run = std::move(tiers);
  launch.queue.gpus = 8;
  return launch;
}

}  // namespace

TEST_CASE("tiers give GPUs by size, the last one to all that are larger") {
  const LaunchSpec launch = launch_of({{1e9, 1}, {3e9, 2}, {kOpen, 8}});
  const trainer::Recipe recipe = largest();
  CHECK(gpus_of_run(launch, recipe, 4e7) == 1);
  CHECK(gpus_of_run(launch, recipe, 1e9) == 2);
  CHECK(gpus_of_run(launch, recipe, 5e9) == 8);
}

TEST_CASE("auto takes the fewest GPUs whose memory the run fits, and no fewer than that") {
  LaunchSpec launch = launch_of({});
  const trainer::Recipe small = recipe_of(768, 2048, 12, 12, 512), large = largest();
  CHECK(gpus_of_run(launch, small, 1e8) == 1);
  const int64_t gpus = gpus_of_run(launch, large, 5.5e9);
  CHECK(gpus > 1);
  CHECK(gpus <= 8);
  auto bytes = [&](int64_t ranks) { return trainer::memory_use(gpu_setup(large, ranks)).total(); };
  const double room = trainer::plannable_gpu_bytes(80e9);
  CHECK(bytes(gpus) <= room);
  CHECK(bytes(gpus / 2) > room);
  launch.gpu_memory_gb = 141;
  CHECK(gpus_of_run(launch, large, 5.5e9) == 1);
  launch.gpu_memory_gb = 30;
  CHECK_THAT(tests::message_of([&] { gpus_of_run(launch, large, 5.5e9); }),
             has_text("does not fit") && has_text("GPUs of 30 GB"));
}

TEST_CASE("5.5B fits eight GPUs of 80 GB with room for activations, which one cannot hold") {
  const trainer::Recipe recipe = largest();
  const auto params = static_cast<double>(trainer::count_parameters(recipe.model).total());
  CHECK(params > 5.2e9);
  const trainer::MemoryUse one = trainer::memory_use(gpu_setup(recipe, 1)),
                           eight = trainer::memory_use(gpu_setup(recipe, 8));
  CHECK(one.states() > 80e9);
  CHECK(eight.states() == Approx((2 + 4 + 12.0 / 8) * params));
  CHECK(eight.total() < trainer::plannable_gpu_bytes(80e9));
}

TEST_CASE("more GPUs than sequences are refused, and on the CPU there are none") {
  LaunchSpec launch = launch_of({{kOpen, 16}});
  const trainer::Recipe recipe = recipe_of(64, 160, 2, 2, 8);
  CHECK_THAT(tests::message_of([&] { gpus_of_run(launch, recipe, 1e5); }),
             has_text("launch.gpus_per_run = 16: more than the 8 sequences of a batch"));
  launch.devices = "cpu";
  CHECK(gpus_of_run(launch, recipe, 1e5) == 1);
}

}  // namespace crosslaw::sweep
