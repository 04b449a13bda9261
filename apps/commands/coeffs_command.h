#pragma once

#include <string>
#include <vector>

#include "apps/study/sweep_fits.h"

namespace crosslaw::apps {

// The fitted coefficients of a sweep for people, one row each.
std::string describe_coefficients(const std::vector<PairFits>& all);

}  // namespace crosslaw::apps
