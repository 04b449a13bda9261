#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/charts/panel.h"

namespace crosslaw::charts {

// One quantity of many studies, a row each, the first on top.
struct ForestRow {
  std::string study;
  std::string group;  // rows of a group share a colour and an entry in the legend
  double value = 0;
  std::optional<fit::Range> ci95;
  bool known = true;  // else hollow: no conclusion rests on it
};

// Values with their intervals beside a line at 0. Intervals far beyond the others run off the
// panel.
Panel forest_panel(const std::string& title, const std::string& quantity,
                   const std::string& caption, const std::vector<ForestRow>& rows);

}  // namespace crosslaw::charts
