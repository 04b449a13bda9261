#pragma once

#include <cstddef>
#include <vector>

#include "fit/data/plausibility.h"
#include "fit/data/points.h"

// Rows that do not belong to the smooth surface that the others lie on.
namespace crosslaw::fit {

// Points far from a smooth surface (smooth_losses.h), above or below: by 12 times its scatter, and
// by 40 %, or by 10 % where the points near it in N and D are not. Indices, ascending. Fewer than
// six points of a stage: none; nor where points have more than N and D.
std::vector<std::size_t> far_off(const Points& points);

// Counts in two units (the surface fits much better with some of them times 1e3, 1e6 or 1e9), and
// points far off, with what they look like and their lines.
std::vector<Doubt> doubts_about_rows(const Points& points, const PointSource& source);

}  // namespace crosslaw::fit
