#include "apps/charts/forest_chart.h"

#include <algorithm>
#include <array>

namespace crosslaw::charts {
namespace {

constexpr std::size_t kStudyCharacters = 24;
constexpr std::array kGroupColours = {colour::kBlue, colour::kVermilion, colour::kMuted};
constexpr const char* kUnknown = "#ffffff";
constexpr double kFarOut = 3;  // times the range of the known values that an interval may take up

std::size_t place_of(const std::vector<std::string>& groups, const std::string& group) {
  return static_cast<std::size_t>(std::find(groups.begin(), groups.end(), group) - groups.begin());
}

// Holds 0, every known value and its interval, unless that is far longer than the others.
Axis value_axis(const std::string& quantity, const std::vector<ForestRow>& rows) {
  std::vector<double> values = {0};
  for (const ForestRow& row : rows) {
    if (row.known) values.push_back(row.value);
  }
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double range = std::max(*high - *low, 0.1);
  const fit::Range most{*low - kFarOut * range, *high + kFarOut * range};
  for (const ForestRow& row : rows) {
    if (!row.known || !row.ci95) continue;
    values.push_back(std::max(row.ci95->low, most.low));
    values.push_back(std::min(row.ci95->high, most.high));
  }
  return axis_over(quantity, Scale::kLinear, Numbers::kPlain, values);
}

}  // namespace

Panel forest_panel(const std::string& title, const std::string& quantity,
                   const std::string& caption, const std::vector<ForestRow>& rows) {
  Panel out;
  out.title = title;
  out.caption = caption;
  out.x = value_axis(quantity, rows);
  out.y.low = -0.5;
  out.y.high = static_cast<double>(rows.size()) - 0.5;
  out.guides.push_back({Guide::Along::kX, 0, ""});
  std::vector<std::string> groups;
  for (const ForestRow& row : rows) {
    if (place_of(groups, row.group) == groups.size()) groups.push_back(row.group);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ForestRow& row = rows[i];
    const double y = static_cast<double>(rows.size() - 1 - i);
    const std::string ink = kGroupColours[place_of(groups, row.group) % kGroupColours.size()];
    out.y.named.push_back({y, shortened(row.study, kStudyCharacters)});
    const auto inside = [&](double value) { return std::clamp(value, out.x.low, out.x.high); };
    if (row.ci95) {
      out.lines.push_back({{{inside(row.ci95->low), y}, {inside(row.ci95->high), y}},
                           ink,
                           1.6,
                           row.known ? Dash::kSolid : Dash::kDotted,
                           ""});
    }
    out.marks.push_back({{{inside(row.value), y}},
                         {ink},
                         4,
                         1,
                         row.known ? row.group : std::string(),
                         {row.study}});
    if (!row.known) out.marks.push_back({{{inside(row.value), y}}, {kUnknown}, 2.6, 1, "", {}});
  }
  return out;
}

}  // namespace crosslaw::charts
