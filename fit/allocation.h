#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/fit_result.h"
#include "fit/power_form.h"
#include "fit/spread.h"

namespace crosslaw::fit {

// A size that can really be trained.
struct LadderSize {
  std::string name;
  double params = 0;                      // N, counted as in the fit
  std::optional<double> flops_per_token;  // training FLOPs a token; absent: 6 N
};

struct AllocationOptions {
  std::vector<double> flops;         // budgets C, each above 0
  std::vector<LadderSize> ladder;    // may be empty
  double flat_share = 0.01;          // half of what "as good" means: loss within 1 % of the least
  bool accept_unidentified = false;  // allocate although the fit says it cannot be trusted
};

std::vector<std::string> problems(const AllocationOptions& options);

// The ladder size of least predicted loss at a budget.
struct LadderChoice {
  LadderSize size;
  double tokens = 0;
  double loss = 0;
  double excess = 0;  // loss / least loss of any size, minus 1
};

struct AllocationRow {
  double flops = 0;
  Estimate params;            // N*
  Estimate tokens;            // D*
  Estimate tokens_per_param;  // D*/N*
  Estimate loss;              // L* predicted by the law, without the scatter of single runs
  std::optional<Range> flat;  // sizes within flat_share of the least loss
  std::optional<LadderChoice> nearest;
  double flops_factor = 1;  // how far C lies outside the measured compute; below 1: too small
  double ratio_factor = 1;  // how far D*/N* lies outside the measured D/N
  std::vector<std::string> warnings;
};

// How N* and D* grow with C, with the intervals of the exponents.
struct FrontierEstimate {
  Frontier at_optimum;
  Estimate params_exponent;
  Estimate tokens_exponent;
};

struct Allocation {
  std::string refused;   // why there are no rows; empty: there are
  std::string strategy;  // "" or "scratch" or "continued", for tables of both
  double flat_share = 0;
  std::optional<FrontierEstimate> frontier;
  std::vector<AllocationRow> rows;
  std::vector<std::string> warnings;  // of the fit, such as coefficients at their bound
};

// Compute-optimal splits for C = 6ND with intervals from the draws of the fit. The fit must be of a
// law with a power form (chinchilla, extended); use scratch_part and continued_part for law joint.
// Throws std::invalid_argument for bad options or another law. A fit that is not identifiable and a
// law without an optimum are refused in the result.
Allocation allocate(const FitResult& fit, const AllocationOptions& options);

}  // namespace crosslaw::fit
