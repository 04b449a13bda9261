#pragma once

#include <cstdint>
#include <vector>

#include "fit/solve/newton.h"
#include "fit/solve/objective.h"

namespace crosslaw::fit {

struct SearchOptions {
  int starts = 64;
  int threads = 0;  // 0: one a core
  std::uint64_t seed = 1;
};

// Starts that ended at one stationary point.
struct Basin {
  Theta theta;  // centred
  double objective = 0;
  int starts = 0;
};

struct SearchSummary {
  NewtonSummary best;
  std::vector<Basin> basins;  // by objective, the best first
  int samples = 0;            // on which the starts went down
  int starts = 0;
  int starts_at_best = 0;     // stationary, with the best objective to 1e-8
  int starts_unfinished = 0;  // stopped before they were stationary
};

// The global search. Ceres takes every start downhill until nothing is left to gain (descend);
// minimise() then finishes each to a stationary point, which costs a few steps. Of more than 4,000
// samples the starts go down on 2,000, and every point that they end at is finished on all.
// Frozen coordinates keep their value in `fixed` (centred).
SearchSummary search(const Objective& objective, const Theta& fixed, const SearchOptions& options);

// Relative fall of F in a step. Beyond the kink F has no curvature of its own, so near the end a
// step takes off a constant share of what is left: this is then some 1e-9 of F.
inline constexpr double kDescentTolerance = 1e-10;

// Where Ceres ends from one start (centred), inside the box. Its cost is F itself, written as a sum
// of squares: half the sum over samples of (sign(r) sqrt(2 w Huber(r)))^2. Frozen coordinates keep
// their value in `start`; a start where the law is not finite is returned as it is.
Theta descend(const Objective& objective, const Theta& start, double tolerance = kDescentTolerance);

}  // namespace crosslaw::fit
