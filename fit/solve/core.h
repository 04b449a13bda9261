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
  std::vector<int> index;     // point behind each sample, in the points that are resampled
  Runs runs;
  NoiseModel noise;
  FitResult result;  // without draws
};

// A centred refit; empty when it did not converge.
using Draw = std::optional<Theta>;

// The delta of a Huber loss that suits noise like these residuals: the multiple of their size for
// which mean psi^2 / (mean psi')^2, the variance of what is estimated, is least (Wang, Lin, Zhu and
// Bai 2007, "Robust estimation using the Huber function with a data-dependent tuning constant").
double chosen_delta(const Objective& objective, const Theta& centred);

// Throw std::invalid_argument: bad options or points; fewer samples than free coefficients (`which`
// is "", "scratch " or "continued ").
void require_usable(const Points& points, const FitOptions& options);
void require_enough(const Objective& objective, std::string_view strategy);

bool all_identifiable(const FitResult& result);

// Search, certificate and identifiability. Frozen coordinates are taken from `fixed` (centred).
Core fit_core(Objective objective, const Theta& fixed, const FitOptions& options);

// Refits in one world, from `start` (centred, frozen coordinates included) and from every rival;
// the lowest optimum counts.
Draw refit(const Core& core, const Resample& world, const Theta& start);

// The bootstrap that suits these stages, and why, unless one is asked for. Few runs: parametric,
// which knows how uncertain the size of the noise is and leaves every point in. Many: runs, or
// points where each is a run, whose noise may depend on where they lie.
BootstrapRecord chosen_bootstrap(const std::vector<const Core*>& stages, const Points& points,
                                 const FitOptions& options);

// Runs beyond the coefficients that they fit: what is left to tell the size of the noise.
double degrees_of_freedom(const Core& core);

// Puts draws into result.draws, and from them se, ci95 and what has to be said about the draws.
// Empty draws are left out.
void take_draws(const Core& core, const std::vector<Draw>& draws, FitResult& result);

// In place of draws: says that there are too few runs for an interval, and takes the coefficients
// for not identified.
void refuse_draws(const Core& core, FitResult& result);

}  // namespace crosslaw::fit
