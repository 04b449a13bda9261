#pragma once

#include "fit/allocate/best_split.h"

namespace crosslaw::fit {

// A law with its coefficients.
struct LawAt {
  const Law* law = nullptr;
  Theta theta;  // plain
};

// What the models of one stage follow: of law "joint" the half that the stage names (chinchilla or
// extended), any other law itself, whatever the stage.
LawAt stage_law(const Law& law, const Theta& theta, Stage stage);

// best_split of stage_law.
std::optional<Split> stage_optimum(const Law& law, const Theta& theta, Stage stage,
                                   const Budget& budget);

}  // namespace crosslaw::fit
