#pragma once

#include <string>
#include <vector>

#include "db/run_store.h"
#include "fit/data/points.h"
#include "fit/evidence/setting_optimum.h"

// What the runs of [train.search] found: the best learning rate and batch of some sizes, carried to
// the others, and whether the sweep's own setting bends its law.
namespace crosslaw::apps {

// The search of one strategy at one size and budget.
struct RateSearch {
  std::string strategy, size;
  double params = 0, tokens_per_param = 0;
  double fixed_rate = 0, fixed_batch = 0;  // as the sweep trains
  fit::SettingOptimum optimum;
};

// A size of the strategy, searched or not: its own rate, the rule's, and what the difference costs.
struct CarriedRate {
  std::string size;
  double params = 0, fixed_rate = 0, rule_rate = 0, excess = 0;  // excess of log loss
};

// The best rate as a power of the size: rate = coefficient N^exponent, through the searched sizes.
struct RateRuleFit {
  std::string strategy;
  double coefficient = 0, exponent = 0;
  double exponent_error = 0;  // one standard error
  fit::Range exponent_ci95;   // of normal errors
  double fixed_exponent = 0;  // of the rates that the sweep uses
  std::vector<CarriedRate> sizes;
  // The fixed rate costs some sizes more than others, by more than kBend of the loss and beyond the
  // exponent's interval: exponents of the law are those of the setting, too.
  bool bends = false;
};
inline constexpr double kBend = 0.002;

std::vector<RateSearch> rate_searches(const db::RunStore& store);
// Of strategies with at least two searched sizes that have an optimum.
std::vector<RateRuleFit> rate_rules(const db::RunStore& store,
                                    const std::vector<RateSearch>& searches);

}  // namespace crosslaw::apps
