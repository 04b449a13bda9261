#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "fit/write/table.h"

namespace crosslaw::apps {

// The numbers of each figure as a table of its own, for users who draw it themselves. They are read
// from the data of the page, so that what is drawn and what is written cannot differ.
std::vector<std::string> figure_table_names();

// `data` as report_data() makes them. Unknown values are empty cells; ends of intervals have the
// columns _low and _high. Throws std::invalid_argument naming the known tables.
fit::Table figure_table(const nlohmann::ordered_json& data, const std::string& name);

}  // namespace crosslaw::apps
