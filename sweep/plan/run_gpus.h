#pragma once

#include <cstdint>
#include <optional>

#include "sweep/spec/launch_spec.h"
#include "trainer/recipe/memory_model.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// More GPUs than this share no run: a batch has few sequences more.
inline constexpr int64_t kMostGpusARun = 1024;
inline constexpr double kGigabyte = 1e9;  // as cards and their memory are sold

// What each of `gpus` holds of a run on GPUs.
trainer::TrainingSetup gpu_setup(const trainer::Recipe& recipe, int64_t gpus);

// GPUs that one run gets by launch.gpus_per_run; `params` are those that its tiers count by. By
// "auto" the fewest into whose memory one sequence at a time fits, for a sweep is done soonest when
// each GPU has a run of its own. Throws SpecError where not even the most that share a batch do, or
// where there are more than sequences in a batch.
int64_t gpus_of_run(const LaunchSpec& launch, const trainer::Recipe& recipe, double params);

// The largest micro-batch of one of `gpus` GPUs of `card_gb` GB: a divisor of its share of the
// batch. Nothing: not even one sequence fits.
std::optional<int64_t> micro_batch_on(double card_gb, const trainer::Recipe& recipe, int64_t gpus);

}  // namespace crosslaw::sweep
