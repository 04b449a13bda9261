#pragma once

#include <optional>

#include "fit/data/plausibility.h"
#include "fit/data/points.h"

namespace crosslaw::fit {

// A column of epochs or passes that varies beside a D that may count the tokens of one pass: what
// it means for D, and the flags. Grave where compute is 6 N D times the epochs. Absent: D counts
// all passes by the compute, or since D over epochs takes fewer values than D.
std::optional<Doubt> doubt_about_epochs(const Points& points, const PointSource& source);

}  // namespace crosslaw::fit
