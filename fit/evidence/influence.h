#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"

namespace crosslaw::fit {

// What leaving out one run (the points of a cluster, or a point that belongs to none) changes.
// Changes are refit minus fit; those of levels (E, A, B) are of their logs.
struct LeftOut {
  int cluster = -1;  // its id, or -1
  int first_point = 0;
  int points = 0;
  // Of N*, one a strategy: absent where the fit has no optimum, infinite where the refit has none.
  std::vector<std::optional<double>> log_params;
  Theta theta;           // of every coefficient, plain coordinates
  double objective = 0;  // negative: the run's own terms are gone
  bool refitted = true;  // else the changes are those of one Newton step
};

struct Influence {
  double flops = 0;                     // the budget of N*, as the fit counts compute
  std::vector<std::string> strategies;  // of the law: {""}, or {"scratch", "continued"}
  std::vector<LeftOut> runs;            // that which moves N* furthest first
  bool by_params = true;                // else sorted by the exponents: there is no N*
  // Jackknife standard errors: of log N* a strategy, and of every coordinate of the law.
  std::vector<std::optional<double>> log_params_se;
  Theta theta_se;
  int failed = 0;    // runs without which the fit does not converge or lacks points; left out above
  int refitted = 0;  // of the runs above
  // Root mean square of what one Newton step misses of the refits, as a share of theirs. Absent
  // where every run was refitted.
  std::optional<double> step_error;
};

// Leaves out one run at a time and refits from the optimum; a two-stage fit in both stages. Runs
// are compared by the largest |change of log N*| at C = flops over the strategies; where a law has
// no N*, by the largest change of an exponent in jackknife standard errors. The jackknife is
// sqrt((G - 1)/G sum (t_g - mean t)^2) over the G runs of the same stages, summed over such strata.
// Every run is refitted while that takes up to `most_terms` terms of the objective in a pass, runs
// times points: some ten thousand single points. Beyond, only the 300 runs that move the fit
// furthest by one Newton step (one_step.h) are; the others keep the change of that step. Of 100,000
// single points all refits would take ten minutes (scripts/bench_fit.py shows both).
// Close to L1 (few residuals within delta) a fit moves by jumps when a point leaves; then it is
// rough, and the bootstrap is to be believed. Throws std::invalid_argument for points that the fit
// cannot come from or a budget that is not above 0.
inline constexpr double kAffordableTerms = 1e8;
Influence influence(const Points& points, const FitResult& fit, double flops, int threads,
                    double most_terms = kAffordableTerms);

}  // namespace crosslaw::fit
