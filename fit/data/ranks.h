#pragma once

#include <vector>

namespace crosslaw::fit {

// Spearman's rank correlation; 0 where one of the two does not vary.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace crosslaw::fit
