#pragma once

#include <vector>

namespace crosslaw::charts {

// A place in a panel, in the units of its axes.
struct Spot {
  double x = 0;
  double y = 0;
};

// Values over a grid: z[j * x.size() + i] belongs to (x[i], y[j]). x and y ascend; places between
// grid lines are interpolated, so give logs where an axis is logarithmic.
struct Grid {
  std::vector<double> x;
  std::vector<double> y;
  std::vector<double> z;
};

// The lines on which the grid has the value `level`, each as long as it goes, found by marching
// squares; the crossing of a cell's side is interpolated linearly, a saddle decided by the mean of
// its corners. Cells with a corner that is not finite are left out. A closed line ends where it
// began.
std::vector<std::vector<Spot>> contour_lines(const Grid& grid, double level);

}  // namespace crosslaw::charts
