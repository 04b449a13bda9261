#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace crosslaw::fit {

// Standard deviation of normal noise over the median of its sizes: 1 / 0.6745.
inline constexpr double kDeviationOfMedian = 1.4826;

// The middle value, of an even number the upper one of both; of at least one value.
inline double upper_median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace crosslaw::fit
