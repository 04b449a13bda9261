#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/allocate/best_split.h"
#include "fit/allocate/ladder_choice.h"
#include "fit/laws/power_form.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {

struct AllocationOptions {
  std::vector<double> flops;         // budgets C, each above 0
  Limits limits;                     // on N, D and distinct tokens; tokens to be served
  std::vector<LadderSize> ladder;    // may be empty
  double flat_share = 0.01;          // half of what "as good" means: loss within 1 % of the least
  bool six_nd = false;               // C = 6ND although the fit knows measured compute
  bool accept_unidentified = false;  // allocate although the fit says it cannot be trusted
};

std::vector<std::string> problems(const AllocationOptions& options);

struct AllocationRow {
  double flops = 0;
  Estimate params;            // N*
  Verdict known;              // how well
  Estimate tokens;            // D*
  Estimate tokens_per_param;  // D*/N*
  Estimate loss;              // L* predicted by the law, without the scatter of single runs
  std::optional<Range> flat;  // sizes within flat_share of the least loss
  Estimate flat_low;          // its ends, with their intervals
  Estimate flat_high;
  std::optional<LadderChoice> nearest;  // the ladder size of least loss
  std::vector<LadderChoice> ladder;     // it and the sizes as good, or best in some draw

  // What limits cost: names of those that bind ("max-params", "max-tokens", "inference",
  // "unique-tokens"), the optimum with none of them, loss / its loss - 1, and the share of C that
  // the best allowed split leaves unused.
  std::vector<std::string> binding;
  std::optional<Split> unlimited;
  Estimate given_up;
  double unused_share = 0;
  std::optional<double> epochs;  // D* / distinct tokens, where those are limited

  double flops_factor = 1;  // how far C lies outside the measured compute; below 1: too small
  double ratio_factor = 1;  // how far D*/N* lies outside the measured D/N
  std::vector<std::string> warnings;
};

// How N* and D* grow with C without caps on them, with the intervals of the exponents.
struct GrowthEstimate {
  OptimumGrowth at_optimum;  // reducible_* are NaN where the law has no closed form
  Estimate params_exponent;
  Estimate tokens_exponent;
  std::optional<double> near_flops;  // the growth is a power law only near this C
};

struct Allocation {
  std::string refused;   // why there are no rows; empty: there are
  std::string strategy;  // "" or "scratch" or "continued", for tables of both
  double flat_share = 0;
  Limits limits;
  ComputeModel compute;   // what C means
  Convention convention;  // params and loss as of the fit; compute in words, from `compute`
  std::optional<GrowthEstimate> growth;
  std::vector<AllocationRow> rows;
  std::vector<std::string> warnings;  // of the fit, such as coefficients at their bound
};

// Compute-optimal splits of every budget with intervals from the draws of the fit, under C = 6ND or
// the compute model of the fit. A fit of several strategies is allocated one by one
// (strategy_fits). Throws std::invalid_argument for bad options, a law of several strategies, and
// unique_tokens with a law that does not know repetition. A fit that knows N* at none of the
// budgets and a law without an optimum are refused in the result.
Allocation allocate(const FitResult& fit, const AllocationOptions& options);

}  // namespace crosslaw::fit
