#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace crosslaw::charts {

// The points that a chart draws: all of them up to some thousands, for which a page stays quick to
// open and marks can still be told apart.
struct DrawnPoints {
  std::vector<std::size_t> at;  // indices, ascending
  std::string note;             // a sentence for the caption; empty: all are drawn
};

// Of more: those furthest from the law, and an even choice of the others.
DrawnPoints drawn_points(const std::vector<double>& residuals);

}  // namespace crosslaw::charts
