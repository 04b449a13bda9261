#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "apps/study/replay_losses.h"
#include "fit/solve/fit_result.h"

// What shares of replay do by laws that are fitted to all sizes, budgets and shares together: less
// scatter than in the losses of one size, and an answer for sizes that were not trained.
namespace crosslaw::apps {

// The shares of replay to choose at one size and number of tokens.
struct ReplayChoice {
  // The least share with which the source loss stays within so much of its start in 95 % of the
  // draws, and in the middle one. Absent: not even the largest measured share, or no start is
  // known.
  std::optional<double> safe_ratio, middle_ratio;
  fit::Estimate best_ratio;  // of the least weighted sum of both losses
};

struct ReplayLaws {
  // On the target language: D-CPT (arXiv:2406.01375) or effective data, whichever errs less on the
  // largest size held out. On the source language: forgetting (arXiv:2502.06042).
  fit::FitResult target, source;
  std::vector<double> shares;  // to look at, from none to the largest measured

  // `tokens` of both languages; `start`: the loss before, of the source model on its language.
  ReplayChoice choose(double params, double tokens, double start, double within,
                      double weight) const;
  int draws() const;  // that both fits have
  // By the coefficients of one draw, or of the fits themselves where there is none.
  double target_loss(double params, double tokens, double ratio, std::optional<int> draw) const;
  double rise(double params, double tokens, double ratio, std::optional<int> draw) const;
};

// Throws std::invalid_argument saying why where the losses do not suffice.
ReplayLaws fit_replay_laws(const BySize& measured, std::vector<double> shares, int draws);

// The least share of `shares`, ascending, from which on `stays` (share, draw) holds in so large a
// part of the draws; nothing where not even at the largest.
std::optional<double> least_share(const std::vector<double>& shares, int draws, double sure,
                                  const std::function<bool(double share, int draw)>& stays);

}  // namespace crosslaw::apps
