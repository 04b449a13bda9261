#pragma once

#include <vector>

#include "fit/allocate/allocation.h"
#include "fit/allocate/transfer.h"

namespace crosslaw::fit {

// One or two allocations (scratch, continued; their rows side by side, marked by
// Allocation::strategy) and, for the two, what continuing saves at each budget.
struct AllocationReport {
  std::vector<Allocation> strategies;
  std::vector<BudgetSaving> savings;  // one a budget, empty for one strategy
  std::vector<Crossing> crossings;    // at the continued optimum of each budget
  std::vector<Transfer> transfers;    // at the continued optimum of each budget
};

// Allocates every strategy of a fit; of a law that tells several apart, what the last saves against
// the first is added.
AllocationReport report_allocation(const FitResult& fit, const AllocationOptions& options);

}  // namespace crosslaw::fit
