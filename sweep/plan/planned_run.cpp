#include "sweep/plan/planned_run.h"

#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {

double PlannedRun::flops_6nd() const {
  return 6.0 * static_cast<double>(row.params_budget) *
         static_cast<double>(row.tokens_target + row.tokens_source);
}

bool is_end(const PlannedRun& parent, const StartPoint& start) {
  return start.step == parent.recipe.schedule.steps;
}

int64_t PlannedRun::steps_to_train() const { return row.steps - (trunk ? trunk->step : 0); }

double PlannedRun::flops_to_train() const {
  return row.flops * static_cast<double>(steps_to_train()) / static_cast<double>(row.steps);
}

double PlannedRun::checkpoint_bytes() const {
  return trainer::checkpoint_bytes(recipe.model, false) +
         static_cast<double>(publish_steps.size()) * trainer::checkpoint_bytes(recipe.model, true);
}

}  // namespace crosslaw::sweep
