#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/plausibility.h"
#include "fit/data/points.h"

// Rows of several populations (texts, tokenizers, units) in one file, told by a column that labels
// them.
namespace crosslaw::fit {

// The column, none of those in use, whose values explain most of the scatter of log losses around
// a smooth surface by an offset each, beyond what chance and the bends of a law explain: a sentence
// with the values, their offsets and the flags that take them apart. `repeats`: N and D repeat, so
// that the values may also be settings that were tried. Absent: no column does.
std::optional<std::string> describe_populations(const Points& points, const PointSource& source,
                                                const std::vector<std::size_t>& used, bool repeats);

// Losses that scatter far more around a smooth surface than runs of one study do, which nothing
// explains. Absent: they do not.
std::optional<std::string> describe_scatter(const Points& points, const PointSource& source);

}  // namespace crosslaw::fit
