#pragma once

#include <optional>
#include <vector>

#include "fit/data/points.h"

namespace crosslaw::fit {

// Fewer draws than this give no interval: its ends would be the outermost draws.
inline constexpr int kFewestDraws = 20;
// Of the draws, beyond each end of a 95 % interval; where more have no value, that end is open.
inline constexpr double kTail = 0.025;

// The value at fraction q of sorted values, linear between neighbours (numpy's default).
double quantile(const std::vector<double>& sorted, double q);

// Something derived from a fit. `undefined` is the share of draws in which it does not exist; where
// that exceeds 2.5 %, no 95 % interval is given: it would have an open end.
struct Estimate {
  std::optional<double> value;
  std::optional<double> se;
  std::optional<Range> ci95;
  double undefined = 0;
};

// Standard deviation and percentile interval of values, nullopt entries being undefined. Fewer than
// kFewestDraws values give neither.
Estimate summarise(std::optional<double> value, const std::vector<std::optional<double>>& draws);

}  // namespace crosslaw::fit
