#pragma once

#include <string>

#include "sweep/estimate/timetable.h"

namespace crosslaw::tests {

// A run of `steps` steps of one second each on so many GPUs; what it starts from is set afterwards.
inline void add_planned_run(sweep::Plan& plan, std::vector<sweep::RunEstimate>& estimates,
                            int64_t steps, int64_t gpus = 1) {
  sweep::PlannedRun run;
  run.name = "run" + std::to_string(plan.runs.size());
  run.row.steps = steps;
  run.recipe.model = {.vocabulary = 100, .hidden = 16, .ffn = 32, .heads = 2, .layers = 2};
  sweep::RunEstimate estimate;
  estimate.gpus = gpus;
  estimate.step_seconds = 1;
  estimate.training_seconds = static_cast<double>(steps);
  plan.runs.push_back(run);
  estimates.push_back(estimate);
}

}  // namespace crosslaw::tests
