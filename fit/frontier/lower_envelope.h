#pragma once

#include <cstdint>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {

// L = coefficient * C^-exponent through the lowest losses at each compute (arXiv:2407.02118, Fig.
// 1; approach 1 of arXiv:2203.15556 looks at the same envelope), least squares in logs.
struct LowerEnvelope {
  Estimate coefficient;
  Estimate exponent;
  std::vector<int> points;  // indices of the points that lie on it
  Range flops;              // which they span
};

// Indices, in the order of compute, of the points of which no point with as little compute has a
// lower loss; points whose count is 0 are not there.
std::vector<int> points_on_envelope(const Points& points, const std::vector<double>& flops,
                                    const std::vector<double>& count);

// A point lies on the envelope when no point with as little compute has a lower loss. flops: one a
// point. Intervals resample clusters. Throws std::invalid_argument when fewer than two points lie
// on it.
LowerEnvelope lower_envelope(const Points& points, const std::vector<double>& flops, int draws,
                             std::uint64_t seed);

}  // namespace crosslaw::fit
