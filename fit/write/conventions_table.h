#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "fit/allocate/conventions.h"
#include "fit/write/table.h"

namespace crosslaw::fit {

Table convention_table(const ConventionReport& report);  // rounded, for people
Table convention_csv(const ConventionReport& report);    // in full, one row a budget
// "At C = 1e+21 N* moves by a factor of 1.8 ..., D* by 1.5 ...", one line a budget and strategy.
std::string spread_text(const ConventionReport& report);
nlohmann::ordered_json to_json(const ConventionReport& report);

}  // namespace crosslaw::fit
