#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/evidence/forecast_laws.h"
#include "fit/evidence/inner_holdout.h"

namespace crosslaw::fit {

// How losses beyond the data are forecast: several laws, fitted with the points weighted by
// compute, and the weighted mean of their log predictions. Coefficients are another matter: they
// stay those of one law, fitted with equal weights.
struct ForecastOptions {
  FitOptions fit;  // law, delta, constraints and over-weight are not used; draws: of each law
  // Empty: chinchilla, extended, outer, and for continued points also two-stage and joint.
  std::vector<std::string> laws;
};

// The forecaster of one stage.
struct StageForecaster {
  std::string stage;  // "", or "scratch" or "continued" where the points have both
  std::vector<ForecastLaw> laws;
  std::vector<SkippedLaw> left_out;
  std::string refused;              // why nothing can be forecast; empty: something can
  std::vector<InnerHoldout> inner;  // the first along the compute, whose weights the laws have
  Points points;                    // of this stage, unweighted
  std::optional<Stage> kind;        // of its points, where the points have both
  bool along_line = false;          // D follows N in the points: nothing is known off their line

  std::string describe() const;  // "chinchilla 0.31, extended 0.35, outer 0.34"
};

struct Forecaster {
  std::vector<StageForecaster> stages;
  std::uint64_t seed = 1;
};

// The levels at which a forecast states intervals.
inline constexpr std::array<double, 3> kForecastLevels = {0.50, 0.80, 0.95};

// What is expected of one new run.
struct Forecast {
  NewRun run;
  std::string stage;                                      // as in Prediction
  std::optional<double> loss;                             // absent: not known
  std::array<Range, kForecastLevels.size()> intervals{};  // of the loss of the run, by level
  std::string unknown;                                    // why it is not known; empty: it is
  std::vector<double> by_law;                             // in the order of the laws
  double law_spread = 0;                                  // deviation of log loss among the laws
  Outside outside;

  const Range& ci95() const { return intervals.back(); }
};

// Fits every law to all points, and to the points of less compute to see how it predicts those of
// more (an inner hold-out: rollout). The weights of the laws are inverse squares of their errors
// there (Bates and Granger 1969), to a lower power, hence nearer to equal, the fewer runs tell
// them; equal below six runs. Throws std::invalid_argument for bad points and unknown laws; of a
// law that cannot be fitted it says why, and where none can `refused` does.
Forecaster make_forecaster(const Points& points, const ForecastOptions& options);

// One entry a run and stage. The intervals hold the draws of every law, hence the spread among the
// laws; the scatter of one run; and a drift of the truth from all laws, by what the inner hold-out
// missed: a random walk in log C, whose variance grows with the distance from the data. Throws
// std::invalid_argument for runs that are not finite and above 0.
std::vector<Forecast> forecast(const Forecaster& forecaster, const std::vector<NewRun>& runs);

// The forecaster of a stage's runs; null where the points have no run of it.
const StageForecaster* forecaster_at(const Forecaster& forecaster, Stage stage);

// The forecast of one stage.
Forecast forecast_run(const StageForecaster& forecaster, const NewRun& run, std::uint64_t seed);

}  // namespace crosslaw::fit
