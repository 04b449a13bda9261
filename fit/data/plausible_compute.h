#pragma once

#include <string>
#include <vector>

#include "fit/data/point_source.h"
#include "fit/data/points.h"

// Whether a column of compute is that of these models: FLOPs near 6ND.
namespace crosslaw::fit {

inline constexpr double kUsualPerParam = 20;  // D/N, Hoffmann et al. 2022

// "--tokens-unit 1" says that the numbers are right as they stand; of other units what comes out
// is tested, whoever named them.
bool settled(const CountUnit& unit);

// Compute against 6ND: as a whole, of the active parameters of a mixture of experts, and row by
// row. None where the source has no compute beside N and D.
std::vector<Doubt> doubts_about_compute(const Points& points, const PointSource& source);

// Of D = C/(6N) too small for any model; `range` is how D goes, in words.
std::string doubt_about_small_compute(const Points& points, const PointSource& source,
                                      const std::string& range);
// Of N or D that follow from C and make a median D/N that no model has.
std::string doubt_about_derived_ratio(const PointSource& source, double ratio);

}  // namespace crosslaw::fit
