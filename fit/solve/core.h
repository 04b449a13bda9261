#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "fit/solve/fit_options.h"
#include "fit/solve/newton.h"
#include "fit/solve/objective.h"
#include "fit/solve/resample.h"

// The steps that fit_law and fit_two_stage are made of. Not meant for users of the library.
namespace crosslaw::fit {

// A fit in the coordinates of its objective, from which draws start.
struct Core {
  Objective objective;
  Theta centred;              // the optimum
  std::vector<Theta> rivals;  // other optima that a resample may prefer
  NoiseModel noise;
  std::vector<int> index;  // point behind each sample, in the points that are resampled
  FitResult result;        // without draws
};

// A centred refit; empty when it did not converge.
using Draw = std::optional<Theta>;

// Throw std::invalid_argument: bad options or points; fewer samples than free coefficients (`which`
// is "", "scratch " or "continued ").
void require_usable(const Points& points, const FitOptions& options);
void require_enough(const Objective& objective, std::string_view strategy);

// Search, certificate and identifiability. Frozen coordinates are taken from `fixed` (centred).
Core fit_core(Objective objective, const Theta& fixed, const FitOptions& options);

// Refits in one world, from `start` (centred, frozen coordinates included) and from every rival;
// the lowest optimum counts.
Draw refit(const Core& core, const Resample& world, const Theta& start);

// Puts draws into result.draws, and from them se, ci95 and what has to be said about the draws.
// Empty draws are left out.
void take_draws(const Core& core, const std::vector<Draw>& draws, const FitOptions& options,
                FitResult& result);

}  // namespace crosslaw::fit
