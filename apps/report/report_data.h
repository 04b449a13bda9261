#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/sweep_fits.h"
#include "db/run_store.h"
#include "fit/allocation_table.h"

namespace crosslaw::apps {

// Budgets that a sweep's tables show when none are asked for: steps of 1, 2, 5 from inside the
// measured compute (6ND) to one decade beyond.
std::vector<double> default_budgets(const Observations& observations, const LanguagePair& pair);

// Real sizes of the sweep's own ladder, N counted as in the observations.
std::vector<fit::LadderSize> ladder_of(const Observations& observations);

// What the page shows of a sweep; its form is documented at the head of report_main.js.
nlohmann::json report_data(const db::RunStore& store, const Observations& observations,
                           const std::vector<PairFits>& fits, const std::string& command);

}  // namespace crosslaw::apps
