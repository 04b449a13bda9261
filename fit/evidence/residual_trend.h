#pragma once

#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"

// What a law leaves unexplained, and whether that has a direction.
namespace crosslaw::fit {

// log(observed / predicted) of every point, in order. Points must be free of problems().
std::vector<double> log_residuals(const FitResult& fit, const Points& points);

// Where a group of neighbouring points lies.
struct TrendSpot {
  double x = 0;
  double residual = 0;
};

// Medians of x and residual over groups of neighbours of about equal number, no x in two groups.
// Empty for fewer than 24 points, which show a trend by themselves, or fewer than 3 groups.
std::vector<TrendSpot> running_median(const std::vector<double>& x,
                                      const std::vector<double>& residuals);

}  // namespace crosslaw::fit
