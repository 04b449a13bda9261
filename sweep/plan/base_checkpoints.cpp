#include "sweep/plan/base_checkpoints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "trainer/recipe/learning_rate.h"

namespace crosslaw::sweep {
namespace {

// Tokens a parameter after so many steps, as budgets count them: those of the target language.
double tokens_per_param_at(const PlannedRun& run, int64_t step) {
  return run.tokens_per_param * static_cast<double>(step) /
         static_cast<double>(run.recipe.schedule.steps);
}

[[noreturn]] void refuse(const SweepSpec& spec, const StrategySpec& strategy, double tokens,
                         const std::string& reason) {
  throw SpecError(fmt::format("{}: strategy {}: from_tokens_per_param = {:g}: {}",
                              spec.file.string(), strategy.name, tokens, reason));
}

StartPoint stable_checkpoint(const SweepSpec& spec, const StrategySpec& strategy, double tokens,
                             const Plan& plan, size_t index) {
  const PlannedRun& trunk = plan.runs[index];
  const trainer::Schedule& s = trunk.recipe.schedule;
  if (s.kind != trainer::ScheduleKind::kWsd) {
    refuse(spec, strategy, tokens,
           fmt::format("{} has no such budget, and on its way to another the cosine has not come "
                       "down; give {} the budget tokens_per_param = {:g}, or train.schedule = "
                       "\"wsd\"",
                       strategy.from, strategy.from, tokens));
  }
  // Counted from the tokens, not from the trunk's own end, so that a longer trunk changes nothing.
  const double steps = tokens * static_cast<double>(trunk.row.params_budget) /
                       (1 - trunk.row.replay) / static_cast<double>(trunk.recipe.batch_tokens());
  const int64_t last = trainer::shared_steps(s), first = std::max<int64_t>(1, s.warmup_steps);
  int64_t step = std::llround(steps);
  // The ends of the constant phase are rounded, too.
  if (step == last + 1) step = last;
  if (step < first || step > last) {
    const double fraction = static_cast<double>(last) / static_cast<double>(s.steps);
    refuse(spec, strategy, tokens,
           fmt::format("{} {} is at a constant learning rate from {:.3g} to {:.3g} tokens a "
                       "parameter, and only there is a checkpoint one of a shorter run, too; give "
                       "{} the budget tokens_per_param = {:.4g}, or choose a number within",
                       strategy.from, trunk.row.size, tokens_per_param_at(trunk, first),
                       tokens_per_param_at(trunk, last), strategy.from,
                       std::ceil(100 * tokens / fraction) / 100));
  }
  return {index, step};
}

}  // namespace

StartPoint base_checkpoint(const SweepSpec& spec, const StrategySpec& strategy,
                           std::optional<double> tokens_per_param, const Plan& plan,
                           const std::vector<size_t>& parents) {
  const auto end_of = [&](size_t index) {
    return StartPoint{index, plan.runs[index].recipe.schedule.steps};
  };
  // The largest: the strongest source model of that size.
  if (!tokens_per_param) return end_of(parents.front());
  if (strategy.base_phase != BasePhase::kStable) {
    std::vector<double> budgets;
    for (size_t index : parents) {
      budgets.push_back(plan.runs[index].tokens_per_param);
      if (budgets.back() == *tokens_per_param) return end_of(index);
    }
    if (strategy.base_phase == BasePhase::kEnd) {
      refuse(spec, strategy, *tokens_per_param,
             fmt::format("{} has no such budget; it has {:g}", strategy.from,
                         fmt::join(budgets, ", ")));
    }
  }
  return stable_checkpoint(spec, strategy, *tokens_per_param, plan, parents.front());
}

void warn_about_mixed_bases(const SweepSpec& spec, Plan& plan) {
  for (const StrategySpec& strategy : spec.strategies) {
    std::set<double> ends, stable;
    for (const PlannedRun& run : plan.runs) {
      if (run.row.strategy != strategy.name || !run.row.base_phase) continue;
      (*run.row.base_phase == "end" ? ends : stable).insert(*run.row.base_tokens_per_param);
    }
    if (ends.empty() || stable.empty()) continue;
    plan.warnings.push_back(fmt::format(
        "strategy {}: the models of {:g} tokens a parameter have cooled down, those of {:g} have "
        "not, and a law over base budgets would take the one for the other; with a larger budget "
        "of {} and from_phase = \"stable\" all are of one kind",
        strategy.name, fmt::join(ends, ", "), fmt::join(stable, ", "), strategy.from));
  }
}

}  // namespace crosslaw::sweep
