#pragma once

#include <optional>
#include <vector>

#include "fit/data/holdout_split.h"
#include "fit/evidence/forecast_laws.h"

// How the laws of a forecast predict the upper points by the lower ones. Users of the library begin
// with forecast.h.
namespace crosslaw::fit {

// An inner hold-out along one axis: a rollout, of which every law predicts the same runs.
struct InnerHoldout {
  const ScaleAxis* axis = nullptr;
  int runs = 0;      // predicted
  double error = 0;  // mean |log error| of the weighted mean of the laws
  // What the laws have missed beyond what they had said of their error, root mean square, and how
  // far that was beyond the points that trained (mean log of C, N or D over the largest there).
  double drift = 0;
  double distance = 0;
  // Of the laws, in their order; empty errors: too few runs tell any, and the weights are equal.
  std::vector<double> law_errors;  // mean |log error|
  std::vector<double> weights;     // in the mean; they sum to 1
};

// The first is along the compute, also where nothing can be held out along it; then those along N
// and D by which something can. Weights are inverse squares of the errors (Bates and Granger 1969),
// to a lower power, hence nearer to equal, the fewer runs tell them; equal below six runs.
std::vector<InnerHoldout> inner_holdouts(const Points& points, const std::optional<Stage>& stage,
                                         const std::vector<ForecastLaw>& laws,
                                         const FitOptions& options);

}  // namespace crosslaw::fit
