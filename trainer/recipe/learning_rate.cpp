#include "trainer/recipe/learning_rate.h"

#include <cmath>
#include <numbers>

namespace crosslaw::trainer {

double learning_rate(const Schedule& schedule, int64_t step) {
  double peak = schedule.peak_learning_rate;
  if (step < schedule.warmup_steps) {
    // step + 1: a rate of 0 would waste the first step.
    return peak * static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps);
  }
  if (schedule.kind == ScheduleKind::kCosine) {
    double t = static_cast<double>(step - schedule.warmup_steps) /
               static_cast<double>(schedule.steps - schedule.warmup_steps);
    double r = schedule.final_ratio;
    return peak * (r + (1 - r) * 0.5 * (1 + std::cos(std::numbers::pi * t)));
  }
  // The first step of the cooldown still has the peak, the last not yet 0.
  int64_t cooling = step - (schedule.steps - schedule.cooldown_steps);
  if (cooling <= 0) return peak;
  const double t = static_cast<double>(cooling) / static_cast<double>(schedule.cooldown_steps);
  return peak * (1 - (schedule.cooldown == Cooldown::kLinear ? t : std::sqrt(t)));
}

int64_t shared_steps(const Schedule& schedule) {
  return schedule.kind == ScheduleKind::kWsd ? schedule.steps - schedule.cooldown_steps : 0;
}

}  // namespace crosslaw::trainer
