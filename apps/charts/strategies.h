#pragma once

#include <string>
#include <vector>

#include "fit/allocate/allocation.h"
#include "fit/data/points.h"
#include "fit/solve/fit_result.h"

namespace crosslaw::charts {

// What the quantities are called where the points came from.
struct DataNames {
  std::string source;  // file; empty when there is none
  std::string params = "N";
  std::string tokens = "D";
  std::string loss = "loss";
};

// What a fit says of one strategy, and how it is drawn.
struct Strategy {
  std::string name;  // "" where there is only one
  std::string colour;
  fit::FitResult fit;
  fit::Points points;  // may be empty
};

std::vector<Strategy> strategies_of(const fit::FitResult& fit, const fit::Points& points);

// In words; `otherwise` where there is only one.
std::string shown_name(const Strategy& strategy, const std::string& otherwise);

// "title", or "title: from scratch" and "title: continued".
std::string titled(const std::string& title, const Strategy& strategy);

// Compute-optimal splits at eight budgets a decade (fewer over more than twelve decades), whole
// decades among them, at both ends of the range and of the measured compute. Without intervals
// for laws that have no closed form; empty for fits that allocate() refuses.
std::vector<fit::AllocationRow> frontier_rows(const fit::FitResult& fit, const fit::Range& flops,
                                              bool accept_unidentified);

// Whether a budget is a power of ten.
bool is_decade(double flops);

// log observed - log predicted, in percent, one a point. Empty without points.
std::vector<double> residual_percent(const fit::FitResult& fit, const fit::Points& points);

}  // namespace crosslaw::charts
