#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sweep/plan/plan.h"

namespace crosslaw::sweep {

// The checkpoint that a run of `strategy` continues when its parent has seen `tokens_per_param`
// (nothing: the end of its largest budget). `parents`: the parent's runs of that size and seed,
// the largest budget first. Throws SpecError where there is no such checkpoint, saying which there
// are.
StartPoint base_checkpoint(const SweepSpec& spec, const StrategySpec& strategy,
                           std::optional<double> tokens_per_param, const Plan& plan,
                           const std::vector<size_t>& parents);

// Models that have cooled down and models that have not are not of one series of base budgets.
void warn_about_mixed_bases(const SweepSpec& spec, Plan& plan);

// What base budgets cost beyond the same spec without them, where each strategy continues the end
// of its parent's largest budget alone.
struct BaseCost {
  int64_t runs = 0;
  double flops_to_train = 0, checkpoint_bytes = 0;
};
// Nothing when the spec names no base budget.
std::optional<BaseCost> cost_of_bases(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
                                      const Plan& plan);

}  // namespace crosslaw::sweep
