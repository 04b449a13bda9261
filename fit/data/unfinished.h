#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/record_table.h"

namespace crosslaw::fit {

// Trackers say which runs ended; the last loss of one that did not is no loss of that many tokens.
// A sentence with their lines; absent: all ended, or no column says it.
std::optional<std::string> describe_unfinished(const Records& records,
                                               const std::vector<std::size_t>& rows);

}  // namespace crosslaw::fit
