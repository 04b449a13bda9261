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
  int most_samples = 2000;  // with more, starts run on an even subsample and basins on all
};

// Starts that ended at one stationary point.
struct Basin {
  Theta theta;           // centred
  double objective = 0;  // on a subsample scaled up to all samples
  int starts = 0;
};

struct SearchSummary {
  NewtonSummary best;
  std::vector<Basin> basins;  // by objective, the best first
  int starts = 0;
  int starts_at_best = 0;     // stationary, with the best objective to 1e-8
  int starts_unfinished = 0;  // stopped before they were stationary
  int samples_searched = 0;
};

// The global search: every start goes downhill with Ceres (Levenberg-Marquardt on the square roots
// of the Huber terms, within the box) and is then polished by minimise() to a stationary point.
// Frozen coordinates keep their value in `fixed` (centred).
SearchSummary search(const Problem& problem, const Theta& fixed, const SearchOptions& options);

// The Ceres stage of one start, for tests: centred theta after at most `iterations`.
Theta rough_descent(const Problem& problem, const Theta& start, int iterations);

}  // namespace crosslaw::fit
