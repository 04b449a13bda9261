#pragma once

#include <optional>
#include <string>

#include "fit/data/points.h"

namespace crosslaw::fit {

// Losses that rise with compute, or with D at equal N (or N at equal D), which all rows together
// may hide. Absent: they fall, or there are fewer than six rows.
std::optional<std::string> describe_rise(const Points& points, const std::string& column);

}  // namespace crosslaw::fit
