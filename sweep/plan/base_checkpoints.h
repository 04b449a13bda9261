#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sweep/plan/planned_run.h"
#include "sweep/spec/spec.h"

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

}  // namespace crosslaw::sweep
