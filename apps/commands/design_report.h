#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "fit/allocate/next_runs.h"
#include "fit/allocate/simulation.h"
#include "fit/write/table.h"

// How the answers of crosslaw design are shown.
namespace crosslaw::apps {

fit::Table outlook_table(const fit::Simulation& simulation);
fit::Table next_runs_table(const fit::NextRuns& next);
// The interval that one standard error implies: "x/: 1.18" of what is taken in its log, else "+-".
std::string describe_error(const fit::NextRuns& next, double error);
std::string describe_interval(const fit::Range& interval);  // "[1.2B, 3.4B]"

nlohmann::ordered_json to_json(const fit::Simulation& simulation);
nlohmann::ordered_json to_json(const fit::NextRuns& next);

}  // namespace crosslaw::apps
