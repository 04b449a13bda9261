#pragma once

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// Learning rate of optimizer step `step`, 0 <= step < schedule.steps.
// cosine: linear warm-up, then peak * (r + (1 - r) (1 + cos(pi t)) / 2), t in [0, 1), r =
// final_ratio. wsd: linear warm-up, constant, then peak * (1 - sqrt(t)) over the last
// cooldown_steps, t in [0, 1) (arXiv:2405.18392, equation 1), or peak * (1 - t).
double learning_rate(const Schedule& schedule, int64_t step);

// Steps before the learning rate starts to fall because of the end: from here on, runs of one
// trajectory with different token budgets differ.
int64_t shared_steps(const Schedule& schedule);

}  // namespace crosslaw::trainer
