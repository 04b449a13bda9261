#pragma once

#include <optional>

#include "apps/report/report_json.h"
#include "apps/study/sweep_transfers.h"

namespace crosslaw::apps {

// All that the page says of one language and how it was continued from another.
PageJson pair_json(const Observations& observations, const PairFits& fits,
                   const std::optional<PairTransfer>& transfer);

}  // namespace crosslaw::apps
