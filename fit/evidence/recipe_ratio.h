#pragma once

#include <string>
#include <vector>

#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {

// A fit among fits of other recipes: data, optimizers, architectures.
struct RecipeFit {
  std::string name;
  FitResult fit;
};

// One recipe against another at one budget, each at its own best split.
struct RecipeRatio {
  std::string recipe, against;
  double flops = 0;
  // Compute that `against` needs for the loss that `recipe` reaches, over the budget: 2 means half
  // the compute. Absent where no compute is enough; the interval where that is so in over 2.5 % of
  // the draws.
  Estimate speed_up;
  Estimate loss_difference;  // recipe less against: below 0 where the recipe is better
};

// All pairs, the better of each first. Draw r of one fit meets draw r of the other: they must come
// from resamples of different seeds, as the runs of recipes share nothing. Throws
// std::invalid_argument for laws without a closed form and for a budget that is not above 0.
std::vector<RecipeRatio> recipe_ratios(const std::vector<RecipeFit>& recipes, double flops);

}  // namespace crosslaw::fit
