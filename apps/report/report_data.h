#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/study/sweep_fits.h"
#include "apps/study/text_exposure.h"
#include "db/run_store.h"

namespace crosslaw::apps {

// What the page shows of a sweep; its form is documented at the head of report_main.js.
nlohmann::ordered_json report_data(const db::RunStore& store, const Observations& observations,
                                   const std::vector<PairFits>& fits, const std::string& command,
                                   const TextExposure& texts = {});

}  // namespace crosslaw::apps
