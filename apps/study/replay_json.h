#pragma once

#include <nlohmann/json_fwd.hpp>

#include "apps/study/replay_plan.h"

namespace crosslaw::apps {

// The plan as the report, crosslaw replay --json and export write it. Unknown is null.
nlohmann::ordered_json to_json(const ReplayPlan& plan, const ReplayOptions& options);

}  // namespace crosslaw::apps
