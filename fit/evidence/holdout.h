#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "fit/data/holdout_split.h"
#include "fit/data/points.h"
#include "fit/evidence/forecast_score.h"
#include "fit/solve/fitter.h"

namespace crosslaw::fit {

struct HoldoutOptions {
  FitOptions fit;                 // law and draws are not used
  std::vector<std::string> laws;  // names, "two-stage" among them; empty: all that suit the points
  int resamples = 4000;           // of the held-out runs
  bool forecast = false;          // the mean of laws as well (forecast.h)
};

// How one law, fitted to the training points, does on the held-out ones.
struct HeldOutLaw {
  std::string law;
  int coefficients = 0;            // fitted
  double objective = 0;            // of the training points; a sum where there are several splits
  double fall = 0;                 // 1 - objective / objective of the first law
  double mean_error = 0;           // mean |predicted / observed - 1|
  double bias = 0;                 // mean (predicted / observed - 1)
  double rms = 0;                  // of predicted / observed - 1
  double worst = 0;                // predicted / observed - 1 where it is furthest from 0
  int worst_point = 0;             // and there the point
  bool identifiable = false;       // in every split
  std::vector<double> log_errors;  // log predicted - log observed, in the order of the tests
  // Mean |log error| minus that of the best law: 95 % of paired resamples of the held-out runs.
  // Absent for the best law.
  std::optional<Range> behind_best;
  bool beaten = false;  // that interval lies above 0, and the runs are enough to say so
};

// How the forecast, the mean of several laws (forecast.h), does on the same runs.
struct HeldOutForecast {
  ForecastScore score;  // of the runs that it knows
  std::vector<ScoredRun> runs;
  std::vector<int> points;        // which points these are
  std::vector<std::string> laws;  // one a split: "chinchilla 0.31, extended 0.35, outer 0.34"
  int unknown = 0;                // runs that it refuses
  std::string reason;             // why the first of them
};

struct Holdout {
  HoldoutPlan plan;
  int test_points = 0;
  int test_runs = 0;             // clusters, or points without one
  std::vector<HeldOutLaw> laws;  // in the order asked for
  std::vector<SkippedLaw> skipped;
  std::size_t best = 0;  // smallest mean |log error|
  // Fewest coefficients among those that the best does not beat and whose mean error is at most
  // kAsGood times its own; with fewer than kFewestTestRuns the best itself.
  std::size_t supported = 0;
  std::string verdict;  // one sentence
  std::optional<HeldOutForecast> forecast;
};

// The laws that suit points: those of one stage, or joint and two-stage where there are continued
// points; laws that read further columns where the points have these, and farseer from 100 on.
std::vector<std::string> suitable_laws(const Points& points);

// Fits every law to the training points of every split and predicts the rest; above 5,000 training
// points from a quarter of the starts. A smaller error on
// the same few runs may be luck: a law is beaten only when the paired bootstrap over held-out runs
// says so, and never by fewer than kFewestTestRuns of them. What the bootstrap cannot see is that
// all held-out runs share one fit. Throws std::invalid_argument for an unknown or unsuitable law of
// options.laws and when no law can be fitted; of the others those that cannot are skipped.
Holdout hold_out(const Points& points, const HoldoutPlan& plan, const HoldoutOptions& options);

// With fewer, even the same winner in every one is not rare by luck (2^-5 is above 2.5 %).
inline constexpr int kFewestTestRuns = 6;
inline constexpr double kAsGood = 1.25;

}  // namespace crosslaw::fit
