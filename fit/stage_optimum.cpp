#include "fit/stage_optimum.h"

#include "fit/laws/laws.h"

namespace crosslaw::fit {

std::optional<Split> stage_optimum(const Law& law, const Theta& theta, Stage stage,
                                   const Budget& budget) {
  if (&law != &joint_law()) return best_split(law, theta, budget);
  if (stage == Stage::kScratch) return best_split(chinchilla_law(), theta.head(5), budget);
  Theta continued(extended_law().size());
  continued << theta.head(3), theta.tail(3);
  return best_split(extended_law(), continued, budget);
}

}  // namespace crosslaw::fit
