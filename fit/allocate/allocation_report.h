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

// Allocates a fit of any law; a fit of law "joint" is split into its halves and their savings are
// added.
AllocationReport report_allocation(const FitResult& fit, const AllocationOptions& options);

}  // namespace crosslaw::fit
