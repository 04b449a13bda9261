#pragma once

#include <vector>

#include "fit/data/point_source.h"
#include "fit/data/points.h"

// Whether numbers can be what their columns are taken for: each used column against the others and
// against what language models are.
namespace crosslaw::fit {

// What no real model passes (the published tables, the demo of 8,000 parameters, models of 1 to 10
// trillion parameters), with room to spare.
inline constexpr double kFewestParams = 1000, kMostParams = 1e14;
inline constexpr double kFewestTokens = 1e4, kMostTokens = 1e17;

// A count that a flag says is right as it stands (--params-unit 1) is beyond doubt.
std::vector<Doubt> doubts_about(const Points& points, const PointSource& source);

}  // namespace crosslaw::fit
