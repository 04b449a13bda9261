#pragma once

#include "apps/charts/panel.h"

namespace crosslaw::charts {

// The legend is a row of samples above the plot, broken where it is full; it covers no data.

// Pixels that the legend of a panel needs over this width; 0 without named layers.
double legend_height(const Panel& panel, double width);

void draw_legend(const Panel& panel, const Box& box, Canvas& canvas);

}  // namespace crosslaw::charts
