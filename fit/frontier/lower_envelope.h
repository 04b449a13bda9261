#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fit/data/points.h"
#include "fit/laws/power_law.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {

// L = floor + coefficient * C^-exponent through the lowest losses at each compute, least squares in
// logs (approach 1 of arXiv:2203.15556 looks at the same envelope). arXiv:2407.02118 has the floor
// in its Eq. 3 and none in its Fig. 1; here it is taken where the losses show it.
struct LowerEnvelope {
  Estimate coefficient;
  Estimate exponent;
  std::optional<Estimate> floor;  // absent: a straight line on log axes does as well
  std::vector<int> points;        // indices of the points that lie on it
  Range flops;                    // which they span

  FlooredPowerLaw curve;
  std::vector<std::optional<FlooredPowerLaw>> draws;  // of resampled runs; empty: no curve

  double loss_at(double at_flops) const;
};

// Indices, in the order of compute, of the points of which no point with as little compute has a
// lower loss; points whose count is 0 are not there.
std::vector<int> points_on_envelope(const Points& points, const std::vector<double>& flops,
                                    const std::vector<double>& count);

// A point lies on the envelope when no point with as little compute has a lower loss. flops: one a
// point. The floor is taken where Akaike's criterion for small samples (AICc) falls by more than 2.
// Intervals resample clusters and keep the form. Throws std::invalid_argument when fewer than two
// points lie on it.
LowerEnvelope lower_envelope(const Points& points, const std::vector<double>& flops, int draws,
                             std::uint64_t seed);

}  // namespace crosslaw::fit
