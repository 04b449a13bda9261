#pragma once

#include <nlohmann/json_fwd.hpp>

#include "apps/study/transfer_findings.h"

namespace crosslaw::apps {

// The findings as the report, crosslaw transfer --json and export write them. Unknown is null.
nlohmann::ordered_json to_json(const TransferFindings& findings);

}  // namespace crosslaw::apps
