#include "sweep/plan/run_gpus.h"

#include <fmt/format.h>

#include <algorithm>

#include "sweep/spec/spec_error.h"

namespace crosslaw::sweep {
namespace {

// Whole halves of a node, then whole nodes: 1, 2, 4, 8, 16, ... of nodes with 8.
int64_t next_choice(int64_t gpus, int64_t of_a_node) {
  return gpus < of_a_node ? std::min(2 * gpus, of_a_node) : 2 * gpus;
}

int64_t fewest_that_fit(const LaunchSpec& launch, const trainer::Recipe& recipe) {
  const int64_t of_a_node = std::max<int64_t>(1, launch.queue.gpus);
  const int64_t most = std::min(kMostGpusARun, recipe.batch_sequences);
  int64_t tried = 0;
  for (int64_t gpus = 1; gpus <= most; gpus = next_choice(gpus, of_a_node)) {
    if (micro_batch_on(launch.gpu_memory_gb, recipe, gpus)) return gpus;
    tried = gpus;
  }
  throw SpecError(fmt::format(
      "launch.gpus_per_run = \"auto\": a model of {} layers of {} does not fit {} GPUs of {:g} GB; "
      "the weights and gradients of all layers lie on each (launch.gpu_memory_gb)",
      recipe.model.layers, recipe.model.hidden, tried, launch.gpu_memory_gb));
}

}  // namespace

trainer::TrainingSetup gpu_setup(const trainer::Recipe& recipe, int64_t gpus) {
  return {recipe.model, recipe.context_tokens, 1, gpus, true, recipe.precision != "fp32"};
}

std::optional<int64_t> micro_batch_on(double card_gb, const trainer::Recipe& recipe, int64_t gpus) {
  const int64_t share = (recipe.batch_sequences + gpus - 1) / gpus;
  const double budget = trainer::plannable_gpu_bytes(card_gb * kGigabyte);
  return trainer::largest_micro_batch(gpu_setup(recipe, gpus), share, budget);
}

int64_t gpus_of_run(const LaunchSpec& launch, const trainer::Recipe& recipe, double params) {
  if (launch.devices == "cpu") return 1;
  const bool whole_matrices = recipe.optimizer.kind != trainer::OptimizerKind::kAdamW;
  if (launch.gpus_per_run.empty()) return whole_matrices ? 1 : fewest_that_fit(launch, recipe);
  const auto tier = std::find_if(launch.gpus_per_run.begin(), launch.gpus_per_run.end() - 1,
                                 [&](const GpuTier& each) { return params < each.below_params; });
  if (tier->gpus > recipe.batch_sequences) {
    throw SpecError(
        fmt::format("launch.gpus_per_run = {}: more than the {} sequences of a batch, of which "
                    "each GPU takes at least one",
                    tier->gpus, recipe.batch_sequences));
  }
  if (whole_matrices && tier->gpus > 1) {
    throw SpecError(
        fmt::format("launch.gpus_per_run = {}: must be 1 with train.optimizer = \"adamh\" or "
                    "\"muon\", whose steps need whole matrices",
                    tier->gpus));
  }
  return tier->gpus;
}

}  // namespace crosslaw::sweep
