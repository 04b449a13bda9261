#include "fit/evidence/recipe_ratio.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "fit/laws/power_form.h"

namespace crosslaw::fit {
namespace {

// What both fits say at one pair of thetas.
using Comparison = std::optional<double> (*)(const PowerForm& recipe, const ComputeModel& own,
                                             const PowerForm& against, const ComputeModel& other,
                                             double flops);

std::optional<double> speed_up(const PowerForm& recipe, const ComputeModel& own,
                               const PowerForm& against, const ComputeModel& other, double flops) {
  const std::optional<Optimum> best = optimum(recipe, flops, own);
  if (!best) return std::nullopt;
  const std::optional<double> needed = flops_for_loss(against, best->loss, other);
  return needed ? std::optional(*needed / flops) : std::nullopt;
}

std::optional<double> loss_difference(const PowerForm& recipe, const ComputeModel& own,
                                      const PowerForm& against, const ComputeModel& other,
                                      double flops) {
  const std::optional<Optimum> one = optimum(recipe, flops, own);
  const std::optional<Optimum> two = optimum(against, flops, other);
  return one && two ? std::optional(one->loss - two->loss) : std::nullopt;
}

Estimate over_draws(const FitResult& recipe, const FitResult& against, double flops,
                    Comparison compare) {
  const auto at = [&](const Theta& one, const Theta& two) {
    return compare(*power_form(*recipe.law, one), recipe.compute_model(),
                   *power_form(*against.law, two), against.compute_model(), flops);
  };
  std::vector<std::optional<double>> draws;
  for (Eigen::Index r = 0; r < std::min(recipe.draws.rows(), against.draws.rows()); ++r)
    draws.push_back(at(recipe.draws.row(r).transpose(), against.draws.row(r).transpose()));
  return summarise(at(recipe.theta, against.theta), draws);
}

}  // namespace

std::vector<RecipeRatio> recipe_ratios(const std::vector<RecipeFit>& recipes, double flops) {
  if (!(flops > 0 && std::isfinite(flops))) {
    throw std::invalid_argument(
        fmt::format("recipes are compared at a finite budget above 0, not at {}", flops));
  }
  for (const RecipeFit& each : recipes) {
    if (power_form(*each.fit.law, each.fit.theta)) continue;
    throw std::invalid_argument(fmt::format(
        "recipes are compared under law chinchilla or extended, not {}", each.fit.law->name));
  }
  std::vector<RecipeRatio> out;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    for (std::size_t k = i + 1; k < recipes.size(); ++k) {
      const RecipeFit *better = &recipes[i], *other = &recipes[k];
      const Estimate difference = over_draws(better->fit, other->fit, flops, loss_difference);
      if (difference.value && *difference.value > 0) std::swap(better, other);
      out.push_back({better->name, other->name, flops,
                     over_draws(better->fit, other->fit, flops, speed_up),
                     over_draws(better->fit, other->fit, flops, loss_difference)});
    }
  }
  return out;
}

}  // namespace crosslaw::fit
