#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fit/allocation.h"
#include "fit/table.h"
#include "fit/transfer.h"

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

// One line: how N and C were counted, and which limits hold.
std::string convention_line(const AllocationReport& report);

// How N* and D* grow: a sentence a strategy for text, rows for the other formats.
std::string frontier_text(const AllocationReport& report);
Table frontier_table(const AllocationReport& report);
// Rows for people: rounded, intervals in brackets. A refused allocation has no rows.
Table allocation_table(const AllocationReport& report);
// What continuing saves, empty for one strategy.
Table saving_table(const AllocationReport& report);
// Every number in full, one column each; missing values are empty.
Table allocation_csv(const AllocationReport& report);

// {"schema": 1, "convention": {...}, "rows": [{"flops", "params", "tokens", "loss",
// "params_ci95", ...}], ...}: see the README. Absent values and intervals are null.
nlohmann::ordered_json to_json(const AllocationReport& report);
// The keys that say what a budget's optimum is, of one row; used where rows stand in other objects.
nlohmann::ordered_json to_json(const Allocation& strategy, const AllocationRow& row);

// Every sentence that a reader must not miss.
std::vector<std::string> warnings(const AllocationReport& report);

}  // namespace crosslaw::fit
