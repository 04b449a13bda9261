#pragma once

#include <string>
#include <vector>

#include "apps/study/dataset.h"
#include "fit/data/holdout_split.h"

namespace crosslaw::apps {

// What a test holds out of a file: one rule about sizes, or the rows that meet any of the
// conditions on its columns. Throws std::invalid_argument.
fit::HoldoutPlan holdout_plan(const Dataset& data, const std::vector<std::string>& holdout);

}  // namespace crosslaw::apps
