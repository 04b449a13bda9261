#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sweep/plan/plan.h"

namespace crosslaw::sweep {

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
