#pragma once

#include <array>

#include "fit/data/points.h"

namespace crosslaw::fit {

// All that a law may read of a run. Points that are equal in it differ by seed and settings alone.
using RunKey = std::array<double, 7>;
inline RunKey run_key(const Point& point) {
  return {static_cast<double>(point.stage),
          point.params,
          point.tokens,
          point.unique_tokens,
          point.target_share,
          point.base_tokens,
          point.loss_before};
}

}  // namespace crosslaw::fit
