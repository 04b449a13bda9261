#pragma once

#include <string>

#include "apps/study/transfer_findings.h"
#include "fit/write/table.h"

// What crosslaw transfer prints of one language.
namespace crosslaw::apps {

// A line a continued loss, numbers in full.
fit::Table transfer_csv(const TransferFindings& findings);

// Rounded, for people: means at each budget, single runs of at most `most_sizes` sizes (evenly
// spread), crossings of the same sizes, and the frontiers.
fit::Table budget_table(const TransferFindings& findings);
fit::Table run_table(const TransferFindings& findings, std::size_t most_sizes);
fit::Table crossing_table(const TransferFindings& findings, std::size_t most_sizes);
fit::Table frontier_saving_table(const TransferFindings& findings);

// How transferred data grow: "transferred D grows as D^0.84 [0.8, 0.9] N^0.1 [..] (measured), ...".
std::string growth_text(const TransferFindings& findings);

}  // namespace crosslaw::apps
