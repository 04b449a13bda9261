#pragma once

#include <cstddef>
#include <vector>

#include "fit/data/plausibility.h"
#include "fit/data/points.h"

// Rows that do not belong to the smooth surface that the others lie on.
namespace crosslaw::fit {

// A polynomial of log loss in log N and log D, a quadratic from 12 points on, that falls with both.
// It is the one of the least sum of absolute residuals of which none counts for more than 10 %, so
// that points far off do not bend it, wherever they lie. Of more than 2,000 points evenly spaced
// ones are fitted. The usual scatter is 1.4826 times the median absolute residual.
double scatter_around_surface(const Points& points);

// Points far from that surface, above or below: by 12 times the usual scatter, and by 40 %, or by
// 10 % where the points near it in N and D are not. Indices, ascending. Fewer than six points:
// none.
std::vector<std::size_t> far_off(const Points& points);

// Counts in two units (the surface fits much better with some of them times 1e3, 1e6 or 1e9), and
// points far off, with what they look like and their lines.
std::vector<Doubt> doubts_about_rows(const Points& points, const PointSource& source);

}  // namespace crosslaw::fit
