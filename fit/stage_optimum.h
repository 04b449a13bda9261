#pragma once

#include "fit/best_split.h"

namespace crosslaw::fit {

// best_split of any law: of law "joint" that of the half the stage names, of the other laws their
// own, whatever the stage.
std::optional<Split> stage_optimum(const Law& law, const Theta& theta, Stage stage,
                                   const Budget& budget);

}  // namespace crosslaw::fit
