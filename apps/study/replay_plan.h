#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/study/observations.h"
#include "apps/study/replay_laws.h"
#include "fit/allocate/equal_loss.h"
#include "fit/solve/spread.h"

// How much of the source language to replay while continuing on another: what it costs on the
// target, and what it keeps of the source (arXiv:2407.02118, section 5.2).
namespace crosslaw::apps {

struct ReplayOptions {
  double within = 0.05;  // nats by which the source loss may have risen
  double weight = 0.5;   // of the source loss in the weighted sum, 0 to 1
  int draws = 400;       // worlds for intervals; of the laws half as many
  // Sizes and tokens of both languages that were not trained: the laws answer them.
  std::vector<std::pair<double, double>> runs = {};
  std::uint64_t seed = 1;
};
std::vector<std::string> problems(const ReplayOptions& options);

// One measured share of replay at one size and number of tokens.
struct ReplayRatio {
  double ratio = 0;
  fit::Estimate target_loss, source_loss;  // nats per token
  fit::Estimate rise;                      // of the source loss over its start; unknown start: none
  bool extrapolated = false;               // no measured runs on both sides of this many tokens
  bool on_front = false;      // no other ratio is better on one language and no worse on the other
  double share_on_front = 0;  // of the worlds
};

// All ratios of one size at equal compute: as many tokens of both languages together.
struct ReplayCell {
  std::string size;
  double params = 0;
  double tokens = 0;  // of both languages
  double tokens_per_param = 0;
  std::optional<double> start_loss;  // of the source model on its language
  std::vector<ReplayRatio> ratios;   // increasing; none: a size that was not trained
  ReplayChoice measured;             // between the measured shares, in the log of the share
  std::optional<ReplayChoice> law;   // by the laws, where there are any
};

// All shares of replay with which one strategy continues.
struct ReplayPlan {
  std::string strategy, language, source_language;
  std::vector<double> ratios;
  fit::LossScatter noise;         // behind the intervals
  std::vector<ReplayCell> cells;  // by size, then by tokens; ReplayOptions::runs last
  std::optional<ReplayLaws> laws;
  std::string no_laws;  // why there are none
};

// One a strategy that continues with two or more shares of replay and was evaluated on its source
// language.
std::vector<ReplayPlan> replay_plans(const Observations& observations,
                                     const ReplayOptions& options = {});

// "At the largest size and budget 5 % of replay keep ..., at 0.012 nats on fr."
std::string describe(const ReplayPlan& plan, const ReplayOptions& options);

}  // namespace crosslaw::apps
