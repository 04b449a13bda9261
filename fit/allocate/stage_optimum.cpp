#include "fit/allocate/stage_optimum.h"

#include "fit/laws/laws.h"

namespace crosslaw::fit {

LawAt stage_law(const Law& law, const Theta& theta, Stage stage) {
  if (&law != &joint_law()) return {&law, theta};
  if (stage == Stage::kScratch) return {&chinchilla_law(), theta.head(5)};
  Theta continued(extended_law().size());
  continued << theta.head(3), theta.tail(3);
  return {&extended_law(), continued};
}

std::optional<Split> stage_optimum(const Law& law, const Theta& theta, Stage stage,
                                   const Budget& budget) {
  const LawAt at = stage_law(law, theta, stage);
  return best_split(*at.law, at.theta, budget);
}

}  // namespace crosslaw::fit
