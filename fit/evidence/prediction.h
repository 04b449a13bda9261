#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {

// A run that has not been trained.
struct NewRun {
  double params = 0;  // N, counted as in the fit
  double tokens = 0;  // D
};

// How far a run lies outside what was measured.
struct Outside {
  double flops_factor = 1;  // its C over the nearest measured; below 1: too small
  double ratio_factor = 1;  // its D/N over the nearest measured
  std::vector<std::string> warnings;
};

// Throws std::invalid_argument for one whose size or tokens are none.
void require_positive(const std::vector<NewRun>& runs);

Outside outside_of(const DataRange& covered, const ComputeModel& compute, const NewRun& run);

struct Prediction {
  NewRun run;
  std::string stage;              // "", or "scratch" or "continued" of laws that have both
  Estimate loss;                  // by the law: where such runs lie on average
  std::optional<Range> run_ci95;  // of the loss of one new run: the law's interval and the scatter
  double flops_factor = 1;  // how far its C lies outside the measured compute; below 1: too small
  double ratio_factor = 1;  // how far D/N lies outside the measured D/N
  std::vector<std::string> warnings;
};

// What the fit expects of runs, one entry a run and stage. The interval of one new run is that of
// L exp(r): L by every bootstrap draw, r drawn from the residuals of the fit times
// sqrt(n / (n - p)), which makes up for the p coefficients that were fitted to the n points. Such
// an interval knows the scatter and the coefficients, not a law that is wrong where it
// extrapolates. Both intervals need draws. Throws std::invalid_argument for runs that are not
// finite and above 0, for laws that read more of a run than N and D (law_columns.h), and for points
// that the fit cannot come from.
std::vector<Prediction> predict(const Points& points, const FitResult& fit,
                                const std::vector<NewRun>& runs, std::uint64_t seed);

// The same of a fit without its points: they lie within its measured range, and the scatter of one
// run is taken as normal with the rms of the residuals. A fit of typed-in coefficients knows
// neither.
std::vector<Prediction> predict(const FitResult& fit, const std::vector<NewRun>& runs,
                                std::uint64_t seed);

}  // namespace crosslaw::fit
