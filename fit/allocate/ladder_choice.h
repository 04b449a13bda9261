#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/allocate/best_split.h"

namespace crosslaw::fit {

// A size that can really be trained.
struct LadderSize {
  std::string name;
  double params = 0;                      // N, counted as in the fit
  std::optional<double> flops_per_token;  // training FLOPs a token; absent: as the budget counts
};

std::vector<std::string> problems(const std::vector<LadderSize>& ladder);

// What a budget buys with one size, within its limits.
struct LadderChoice {
  LadderSize size;
  double tokens = 0;
  double loss = 0;
  double excess = 0;       // loss / least loss of any size, minus 1; below 0 only where the size
                           // costs less a token than the budget's compute model says
  double draws_share = 0;  // of the bootstrap draws, those in which this size is the best
  bool as_good = false;    // loss at most (1 + flat_share) times that of the best ladder size
};

// Position of the size of least predicted loss; empty when no size is within the limits.
std::optional<std::size_t> best_size(const Law& law, const Theta& theta, const Budget& budget,
                                     const std::vector<LadderSize>& ladder);

// The sizes worth knowing at a budget: the best first, then those as good or best in some draw, by
// loss. `chosen` are the best positions in the draws, `least` the loss of the best split.
std::vector<LadderChoice> ladder_choices(const Law& law, const Theta& theta, const Budget& budget,
                                         const std::vector<LadderSize>& ladder,
                                         const std::vector<std::optional<std::size_t>>& chosen,
                                         double least, double flat_share);

}  // namespace crosslaw::fit
