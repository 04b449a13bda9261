#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/solve/spread.h"

// Which checkpoint of the source model to continue from: what more of its training was worth.
namespace crosslaw::apps {

// Runs that continue a model of so many tokens, against those of equal size, budget and seed that
// continue the one of most tokens.
struct BaseRow {
  double base_tokens_per_param = 0;
  std::size_t runs = 0;
  double mean_loss = 0;           // nats a token, at the ends of runs
  fit::Estimate loss_difference;  // mean over the pairs, nats; nothing for the base of most tokens
};

// The base budgets of one strategy and share of replay.
struct BaseComparison {
  std::string strategy, language, source_language;
  double replay = 0;
  std::vector<BaseRow> rows;  // by tokens
  // Of the law E + A/N^alpha + B/(D^beta N^gamma D1^delta): the loss falls with D1 where it is
  // above 0. Nothing where that law cannot be fitted.
  fit::Estimate delta;
  double rms = 0;  // of log predicted - log observed
};

// One a strategy and share of replay with two base budgets or more.
std::vector<BaseComparison> base_comparisons(const Observations& observations, int draws = 200);

// "fr: from a model of 5 tokens a parameter in place of 20 the loss ends 0.031 nats [0.02, 0.04]
// higher; ... D1's exponent is 0.02 [0.01, 0.03]: continue from the model trained longest."
std::string describe(const BaseComparison& comparison);

nlohmann::ordered_json to_json(const std::vector<BaseComparison>& comparisons);

}  // namespace crosslaw::apps
