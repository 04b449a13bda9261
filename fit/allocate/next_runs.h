#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"

// Which runs to add to those there are, so that one answer becomes as sharp as a budget allows.
namespace crosslaw::fit {

// A run that could be trained.
struct CandidateRun {
  std::string name;  // of the size; may be empty
  double params = 0;
  double tokens = 0;
  double flops = 0;  // its cost
  Stage stage = Stage::kScratch;
};

struct NextRunsOptions {
  // What shall become sharp, as find_target reads it: "N*", "D*" or "loss" at target_flops, or the
  // name of a coefficient.
  std::string target = "N*";
  double target_flops = 0;  // counted as fit.compute does, by default 6ND
  double budget_flops = 0;  // of all runs together
  int most_runs = 20;
};

std::vector<std::string> problems(const NextRunsOptions& options);

struct NextRun {
  CandidateRun run;
  double se_after = 0;  // of the target, once this run and those before it are in
};

struct NextRuns {
  std::string target;
  bool relative = false;        // the target is taken in its log: se 0.1 is about 10 %
  double noise = 0;             // standard error of one log loss that the information assumes
  std::optional<double> value;  // of the target at the fit
  double se_now = 0;            // may be infinite: the present runs do not identify the target
  double se_after = 0;
  double spent_flops = 0;
  std::vector<NextRun> runs;  // in the order in which they help
};

// Var(target) = s^2 c^T (J^T W J)^-1 c: J the derivatives of log L at the fitted law, c the
// derivative of the target (c-optimal design), s the expected_error (noise_factors.h) of the noise
// around the fit. Of a two-stage fit V1 = (J1^T W1 J1)^-1 of the scratch runs and V2 of the
// coefficients of the continued runs give s^2 (d^T V1 d + c2^T V2 c2) with d = c1 - J21^T W2 J2 V2
// c2, for the second stage follows the first. Points count as independent. Wide intervals are wider
// than this linear part of theirs: it ranks designs, simulation.h tells how they would do.
//
// Runs are taken by the fall of the variance per FLOP while the budget lasts, each candidate at
// most once; then each is given up in turn and its compute spent better, while that helps. Runs at
// the end of the list that together sharpen the target by less than 1 % are not worth their compute
// and left out. Throws std::invalid_argument for bad options, an unknown target, a law that reads
// more of a run than N and D (law_columns.h), or no candidate within the budget.
NextRuns choose_next_runs(const Points& points, const FitResult& fit,
                          const std::vector<CandidateRun>& candidates,
                          const NextRunsOptions& options);

}  // namespace crosslaw::fit
