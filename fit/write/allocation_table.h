#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fit/allocate/allocation_report.h"
#include "fit/write/table.h"

namespace crosslaw::fit {

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
