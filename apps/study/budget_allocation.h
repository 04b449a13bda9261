#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/allocate/allocation.h"

namespace crosslaw::apps {

// The compute-optimal splits of one budget, both strategies side by side.
struct BudgetAllocation {
  double flops = 0;
  std::optional<fit::AllocationRow> scratch, continued;  // absent: no optimum from this law
  fit::Estimate loss_difference;                         // continued - scratch, nats
  std::vector<std::string> warnings;
};

// N*(C) and D*(C) of one strategy (arXiv:2407.02118, Table 2).
struct StrategyGrowth {
  std::string strategy;  // scratch or continued
  fit::GrowthEstimate growth;
};

struct BudgetAllocations {
  std::vector<BudgetAllocation> rows;
  std::vector<StrategyGrowth> growth;  // of the strategies whose law has an optimum
};

// At the default budgets of the sweep, with the nearest size of its ladder.
BudgetAllocations allocate_budgets(const fit::FitResult& fit, const Observations& observations,
                                   const LanguagePair& pair);

}  // namespace crosslaw::apps
