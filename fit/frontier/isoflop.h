#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/frontier/measured_frontier.h"

namespace crosslaw::fit {

// Approach 2 of Hoffmann et al. 2022 (arXiv 2203.15556, section 3.2). At each compute budget a
// parabola of log loss in log N, by least squares; N* is its minimum. Then power laws through the
// minima.
//
// A parabola is a second-order picture of a curve that is steeper on one side, so N* is biased even
// without noise (arXiv 2603.22339). For sizes spread evenly over log N* +- w the law
// E + A/N^alpha + B/D^beta moves log N* by (alpha - beta) w^2 / 10 to leading order: 1 % for
// alpha - beta = 0.06 and sizes 16 times apart, 5 % when 256 times apart. Sizes off the centre add
// to it, less so in log loss than in loss, and move the exponents when they drift from budget to
// budget. So every budget says how wide and how far off the centre its sizes lie.
struct IsoflopOptions {
  FrontierOptions frontier;   // pairs and clusters resample within budgets; parametric adds noise
  double same_budget = 0.05;  // a larger relative step in C starts a new budget
  double flat_share = 0.01;   // what counts as equally good: loss within 1 % of the least
};

std::vector<std::string> problems(const IsoflopOptions& options);

// Whether a budget has a minimum to use, else what is missing.
enum class BudgetUse { kUsed, kTooFewSizes, kNotOneBudget, kBendsDownwards, kMinimumOutside };

// The points of one compute budget and the parabola through them.
struct IsoflopBudget {
  double flops = 0;   // geometric mean of the points
  Range flops_range;  // of the points
  std::size_t points = 0;
  std::size_t sizes = 0;   // more than 1 % apart
  Range params;            // sampled
  double best_params = 0;  // N of the run with the least loss
  BudgetUse use = BudgetUse::kUsed;
  std::string left_out;     // that in words; empty: used, and what follows is set
  double curvature = 0;     // of log loss, per squared unit of log N
  double rms = 0;           // of log loss around the parabola
  Estimate params_optimum;  // N*, the minimum of the parabola
  Estimate tokens_optimum;  // D*: at N*, by a parabola of log(D N / C); C/(6 N*) where C = 6ND
  Estimate loss;            // at the minimum
  Range flat;               // sizes within flat_share of that loss, by the parabola
  double width = 0;         // largest over smallest sampled N
  double off_centre = 0;    // log N* from the middle of the sampled sizes; +-1: at their edge
};

struct IsoflopFit {
  IsoflopOptions options;
  std::vector<IsoflopBudget> budgets;        // ascending, also those left out
  std::optional<MeasuredFrontier> frontier;  // absent when fewer than two budgets are used
  bool within_budgets = true;  // false: a run has points at several budgets, runs were resampled
  std::vector<std::string> warnings;

  std::size_t used() const;  // budgets with a minimum
};

// A budget is used when it has at least four sizes, its points lie within a factor of 1.5 of
// compute, and its parabola has a minimum inside the sampled sizes. In a bootstrap draw a used
// budget whose parabola has no such minimum is undefined, and the power laws go through the others.
// Throws std::invalid_argument for bad options or points (see require_frontier_input).
IsoflopFit fit_isoflop(const Points& points, const IsoflopOptions& options);

}  // namespace crosslaw::fit
