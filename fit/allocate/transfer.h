#pragma once

#include <optional>

#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

// What continuing from a model of another language is worth, from a fit of law "joint" (one-stage
// or two-stage). Every interval comes from draws of both strategies on the same resample. The
// compute of the source model is not counted.
namespace crosslaw::fit {

// At one size and number of target tokens.
struct Transfer {
  double params = 0;
  double tokens = 0;            // D of the continued run
  Estimate equal_loss_tokens;   // tokens from scratch that reach the continued loss
  Estimate saved_share;         // 1 - D / equal_loss_tokens, of tokens and so of FLOPs; may be < 0
  Estimate transferred_tokens;  // equal_loss_tokens - D: effectively transferred data
};

// Where both strategies reach the same loss at one size.
struct Crossing {
  double params = 0;
  Estimate tokens;  // draws whose crossing has the other sense count as undefined
  bool continued_better_below = true;
  bool known = true;  // false: the points leave the exponents open (FitResult::confounded)
};

// Both optima at one budget, and what the continued one saves against the scratch frontier.
struct BudgetSaving {
  double flops = 0;
  Estimate equal_loss_flops;  // compute from scratch that reaches the continued optimum's loss
  Estimate saved_share;       // 1 - flops / equal_loss_flops
  Estimate loss_difference;   // of the optima, continued less scratch; from the same draws
};

// Tokens from scratch that reach the loss of a run continued on `tokens`, both of `params`, by one
// theta of the fit; empty where no number of tokens does.
std::optional<double> equal_tokens_at(const FitResult& joint, const Theta& theta, double params,
                                      double tokens);

// All throw std::invalid_argument for a fit of another law or values that are not above 0.
Estimate saved_share_at(const FitResult& joint, double params,
                        double tokens);  // Transfer::saved_share
Estimate transferred_tokens_at(const FitResult& joint, double params, double tokens);
Transfer transfer_at(const FitResult& joint, double params, double tokens);
Crossing crossing_at(const FitResult& joint, double params);
// Both frontiers are those without limits; C = 6ND unless `compute` says otherwise.
BudgetSaving saving_at(const FitResult& joint, double flops, const ComputeModel& compute = {});

}  // namespace crosslaw::fit
