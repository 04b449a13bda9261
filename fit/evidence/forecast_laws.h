#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fit/data/points.h"
#include "fit/evidence/prediction.h"
#include "fit/solve/fit_options.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/noise_model.h"

// The laws of which a forecast is the mean. Users of the library begin with forecast.h.
namespace crosslaw::fit {

struct SkippedLaw {
  std::string law;
  std::string reason;
};

// A law of the mean.
struct ForecastLaw {
  std::string law;
  double weight = 0;                  // in the mean; they sum to 1
  std::optional<double> inner_error;  // mean |log error| in the inner hold-out; absent: none
  FitResult fit;                      // of the stage that is forecast, with its draws
  NoiseModel noise;                   // of a run around it

  double log_loss(const NewRun& run) const;
};

// The weight that compute gives a point: C^0.75, with the mean of all at 1, times its own. A
// forecast is for runs beyond the data, and every law is a little wrong: better among the many
// small runs than near the run that is asked for. The exponent is in the middle of 0.5 to 1, which
// did equally well on published tables.
inline constexpr double kComputePower = 0.75;
// Where the compute spans so much that fewer points than this would count (Kish's effective number;
// the laws have five and six coefficients), the exponent is lower.
inline constexpr double kFewestEffective = 6;
double compute_power(const Points& points);
Points weighted_by_compute(Points points);

struct FittedLaws {
  std::vector<ForecastLaw> laws;  // of equal weights
  std::vector<SkippedLaw> left_out;
};

// Fits the laws that can forecast runs of a stage (empty: the points have only one), with the
// points weighted by compute and delta chosen on the residuals: with delta near 0 a weighted fit
// would pass through its few heaviest points. Left out: laws with fewer than two degrees of
// freedom, without draws where draws are asked for, or whose terms these points confound (unless
// they confound those of every law).
FittedLaws fit_forecast_laws(const Points& points, const std::optional<Stage>& stage,
                             const std::vector<std::string>& names, const FitOptions& options);

// What the laws expect of the log loss of one run: draws of every law with the scatter of a run.
struct Predictive {
  double middle = 0;                                // weighted mean of the laws' log predictions
  double spread = 0;                                // weighted standard deviation of these
  std::vector<std::pair<double, double>> outcomes;  // (log loss, weight), ascending; weights sum 1

  double quantile(double q) const;
};

// Outcomes: a draw of a law, the scatter of one run, of a size that is as uncertain as its degrees
// of freedom leave it, and `drift`, the standard deviation of the truth from all laws. Empty where
// more than 2.5 % of them are not finite.
std::optional<Predictive> predictive(const std::vector<ForecastLaw>& laws, const NewRun& run,
                                     double drift, std::uint64_t seed);

}  // namespace crosslaw::fit
