#include "sweep/plan/base_cost.h"

namespace crosslaw::sweep {

std::optional<BaseCost> cost_of_bases(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
                                      const Plan& plan) {
  SweepSpec plain = spec;
  bool any = false;
  for (StrategySpec& strategy : plain.strategies) {
    any = any || !strategy.base_tokens_per_param.empty();
    strategy.base_tokens_per_param.clear();
    strategy.base_phase = BasePhase::kAuto;
  }
  if (!any) return std::nullopt;
  BaseCost cost;
  const auto add = [&](const Plan& all, int sign) {
    cost.runs += sign * static_cast<int64_t>(all.runs.size());
    for (const PlannedRun& run : all.runs) {
      cost.flops_to_train += sign * run.flops_to_train();
      cost.checkpoint_bytes += sign * run.checkpoint_bytes();
    }
  };
  add(plan, 1);
  add(make_plan(plain, ladder, nullptr), -1);
  return cost;
}

}  // namespace crosslaw::sweep
