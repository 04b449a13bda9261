#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/charts/fit_charts.h"

namespace crosslaw::charts {
namespace {

constexpr double kShown = 2.5;     // heights of the limit that a panel shows
constexpr double kWideRange = 20;  // from here on the value has a log axis

std::string interval_text(const fit::Profile& profile) {
  const auto six = [](double value) { return fmt::format("{:.5g}", value); };
  if (profile.low && profile.high) {
    return fmt::format("95 %: {} to {}", six(*profile.low), six(*profile.high));
  }
  if (profile.low) return fmt::format("95 %: from {}, open above", six(*profile.low));
  if (profile.high) return fmt::format("95 %: up to {}, open below", six(*profile.high));
  return "95 %: open on both sides";
}

double least(const fit::Profile& profile) {
  double out = std::numeric_limits<double>::infinity();
  for (const double each : profile.objective) {
    if (std::isfinite(each)) out = std::min(out, each);
  }
  return out;
}

// The values whose rise the panel shows, and the ends of the interval.
std::vector<double> shown_values(const std::vector<Spot>& curve, double top,
                                 const fit::Profile& profile) {
  std::vector<double> out = {profile.value};
  for (const Spot& at : curve) {
    if (at.y <= top) out.push_back(at.x);
  }
  if (profile.low) out.push_back(*profile.low);
  if (profile.high) out.push_back(*profile.high);
  return out;
}

Panel profile_panel(const fit::Profile& profile) {
  const double base = least(profile);
  std::vector<Spot> curve;
  double highest = 0;
  for (std::size_t i = 0; i < std::min(profile.values.size(), profile.objective.size()); ++i) {
    curve.push_back({profile.values[i], profile.objective[i] - base});
    if (std::isfinite(curve.back().y)) highest = std::max(highest, curve.back().y);
  }
  const double limit = profile.limit - base;
  const double top = limit > 0 ? kShown * limit : highest;
  const std::vector<double> shown = shown_values(curve, top, profile);
  const auto [low, high] = std::minmax_element(shown.begin(), shown.end());
  const Scale scale = *low > 0 && *high > kWideRange * *low ? Scale::kLog : Scale::kLinear;
  Panel panel;
  panel.title = "Profile of " + profile.name;
  panel.note = interval_text(profile);
  panel.x = axis_over(profile.name, scale, Numbers::kPlain, shown, 0.06);
  panel.y = axis_over("objective above its least", Scale::kLinear, Numbers::kPlain, {0, top}, 0);
  panel.shades.push_back(
      {{profile.low.value_or(panel.x.low), profile.high.value_or(panel.x.high)}, ""});
  if (limit > 0) panel.guides.push_back({Guide::Along::kY, limit, "95 % limit"});
  panel.guides.push_back(
      {Guide::Along::kX, profile.value, fmt::format("{:.5g}", profile.value), Dash::kDotted});
  panel.lines.push_back({curve, colour::kBlue, 2.2});
  panel.caption = fmt::format(
      "How far the objective rises when {} is held at a value and the rest is refitted; the shaded "
      "values stay below the dashed line and form the 95 % interval{}.",
      profile.name,
      profile.low && profile.high ? "" : ", which is open where the curve never reaches the line");
  return panel;
}

}  // namespace

std::vector<Panel> profile_panels(const std::vector<fit::Profile>& profiles) {
  std::vector<Panel> out;
  for (const fit::Profile& each : profiles) {
    if (std::isfinite(least(each))) out.push_back(profile_panel(each));
  }
  return out;
}

}  // namespace crosslaw::charts
