#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/charts/axis.h"
#include "apps/charts/svg.h"
#include "fit/data/points.h"

namespace crosslaw::charts {

// The layers of a panel, all in the units of its axes. `name` is the entry in the legend; layers
// without a name, and layers of a name that is there already, get none.

struct Band {
  std::vector<Spot> edge;  // a closed outline
  std::string colour;
  double opacity = 0.18;
  std::string name;
};

struct Line {
  std::vector<Spot> at;
  std::string colour;
  double width = 2;
  Dash dash = Dash::kSolid;
  std::string name;
};

struct Marks {
  std::vector<Spot> at;
  std::vector<std::string> colours;  // one for all, or one each
  double radius = 3;
  double opacity = 0.85;
  std::string name;
  std::vector<std::string> titles;  // what is said when pointed at; none, or one each
  bool beneath = false;             // under the lines, not over them
};

// Upright bars from low to high, with flat ends when thin.
struct Whiskers {
  struct Bar {
    double x = 0;
    fit::Range range;
  };
  std::vector<Bar> bars;
  std::string colour;
  double width = 1.5;
  double opacity = 1;
  std::string name;
};

// The lines of one level.
struct Contour {
  std::vector<std::vector<Spot>> lines;
  std::string label;
};

// A straight line across the panel at one value of x or y.
struct Guide {
  enum class Along { kX, kY };  // the axis that has the value
  Along axis = Along::kY;
  double value = 0;
  std::string label;
  Dash dash = Dash::kDashed;
};

// A stretch of the x axis that is set apart.
struct Shade {
  fit::Range x;
  std::string label;
};

// A word beside a spot.
struct Remark {
  Spot at;
  std::string text;
};

// The scale of residual_colour(), beside the panel.
struct ColourBar {
  double limit = 1;  // from -limit to limit
  std::string title;
  std::string unit;
};

struct Panel {
  std::string title;
  std::string note;     // one muted line under the title
  std::string caption;  // one sentence that says what is to be seen
  Axis x;
  Axis y;
  std::vector<Shade> shades;
  std::vector<Band> bands;
  std::vector<Contour> contours;
  std::vector<Guide> guides;
  std::vector<Whiskers> whiskers;
  std::vector<Line> lines;
  std::vector<Marks> marks;
  std::vector<Remark> remarks;
  std::optional<ColourBar> colour_bar;
};

// From blue (-1) by grey (0) to vermilion (1); beyond, the colour of the end.
std::string residual_colour(double share);

// Draws a panel with its title, legend, axes and labels into the box. `id` is unique in the
// document. Labels that would lie on each other are left out, marks never are.
void draw_panel(const Panel& panel, const Box& box, const std::string& id, Canvas& canvas);

}  // namespace crosslaw::charts
