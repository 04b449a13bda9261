#pragma once

#include <array>
#include <vector>

#include "fit/evidence/forecast.h"

namespace crosslaw::fit {

using ForecastIntervals = std::array<Range, kForecastLevels.size()>;

// A forecast and what came.
struct ScoredRun {
  NewRun run;
  double predicted = 0;           // loss
  ForecastIntervals intervals{};  // of it, by level
  double observed = 0;

  double log_error() const;  // log predicted - log observed
};

struct ForecastScore {
  int runs = 0;
  double mean_error = 0;  // mean |predicted / observed - 1|
  double bias = 0;        // mean (predicted / observed - 1)
  double rms = 0;         // of predicted / observed - 1
  double worst = 0;       // predicted / observed - 1 where it is furthest from 0
  std::array<double, kForecastLevels.size()> inside{};  // share of the runs, by level
  // What chance alone leaves of 95 % at so many independent runs (exact binomial, 95 %), by level.
  std::array<Range, kForecastLevels.size()> by_chance{};
  double mean_width = 0;  // of the 95 % intervals: high / low - 1
};

ForecastScore score(const std::vector<ScoredRun>& runs);

// How much wider intervals of each level must be to hold as many of past runs as they promise
// (split conformal prediction; Vovk, Gammerman and Shafer 2005): the ceil((n + 1) level)-th
// smallest of |log error| over the interval's own reach on that side, never below 1.
struct ConformalFactor {
  int runs = 0;
  std::array<double, kForecastLevels.size()> factor{1, 1, 1};
  // The level that the largest of n scores stands for where n runs are too few for the level asked:
  // n / (n + 1).
  std::array<double, kForecastLevels.size()> level{kForecastLevels};
};
ConformalFactor conformal_factor(const std::vector<ScoredRun>& past);

// Both reaches of every interval times its factor, in log loss.
ForecastIntervals widened(const ForecastIntervals& intervals, double predicted,
                          const ConformalFactor& by);

// The forecast with its intervals widened.
Forecast widened(Forecast forecast, const ConformalFactor& by);

}  // namespace crosslaw::fit
