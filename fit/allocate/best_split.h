#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/laws/compute_model.h"
#include "fit/laws/law.h"

// The best use of one budget under any law: log L(N, D(N)) minimised over log N along the budget,
// by the closed form where there is one and nothing limits N or D, else by search.
namespace crosslaw::fit {

// What else holds besides the budget.
struct Limits {
  std::optional<double> max_params;     // N at most
  std::optional<double> max_tokens;     // D at most
  std::optional<double> unique_tokens;  // distinct tokens there are; a larger D repeats them
  // T, served over the model's life. A forward pass is a third of training, so that the budget is
  // C = f(N) (D + T/3); 6ND + 2NT for f = 6N (Sardana et al. 2023, arXiv 2401.00448, section 2).
  double inference_tokens = 0;
};

std::vector<std::string> problems(const Limits& limits);
// Whether anything is limited at all.
bool any(const Limits& limits);

struct Budget {
  double flops = 0;
  ComputeModel compute;
  Limits limits;
};

// log of the tokens that a budget trains a model on whose token costs so many FLOPs, at most
// max_tokens; -infinity when serving the model alone costs the budget.
double log_tokens(const Budget& budget, double log_flops_per_token);

// Whether the law tells distinct from repeated tokens, so that limits.unique_tokens means
// something.
bool knows_repetition(const Law& law);

// log L at a size and number of tokens, of which at most limits.unique_tokens are distinct.
double log_loss_at(const Law& law, const Theta& theta, const Limits& limits, double log_params,
                   double log_tokens);

struct Split {
  double params = 0;
  double tokens = 0;
  double loss = 0;
  double unused_share = 0;  // of the budget, because N or D may not grow
  bool at_max_params = false;
  bool at_max_tokens = false;
};

// Empty when the law has no least loss at any size from 1e-6 to 1e34 parameters. `law` must be of
// one strategy: of others take part_theta of each part (law_parts.h). Every N*, D* and least loss
// that any command prints comes from here.
std::optional<Split> best_split(const Law& law, const Theta& theta, const Budget& budget);

// Why best_split is empty; empty where it is not.
std::string why_no_split(const Law& law, const Theta& theta, const Budget& budget);

// The sizes around the best split whose loss is at most (1 + share) times its loss.
Range flat_band(const Law& law, const Theta& theta, const Budget& budget, const Split& best,
                double share);

}  // namespace crosslaw::fit
