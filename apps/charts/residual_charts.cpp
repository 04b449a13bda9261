#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/charts/fit_charts.h"
#include "fit/laws/laws.h"

namespace crosslaw::charts {
namespace {

constexpr std::size_t kFewestForMedian = 24, kMostGroups = 12, kFewestInGroup = 6;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Medians of groups of neighbours of about equal number, no x in two groups.
std::vector<Spot> running_median(std::vector<Spot> spots) {
  if (spots.size() < kFewestForMedian) return {};
  std::sort(spots.begin(), spots.end(), [](Spot a, Spot b) { return a.x < b.x; });
  const std::size_t groups = std::min(kMostGroups, spots.size() / kFewestInGroup);
  const std::size_t least = spots.size() / groups;
  std::vector<Spot> out;
  for (std::size_t from = 0; from < spots.size();) {
    std::size_t to = std::min(from + least, spots.size());
    if (spots.size() - to < least / 2) to = spots.size();
    while (to < spots.size() && spots[to].x == spots[to - 1].x) ++to;
    std::vector<double> x, y;
    for (std::size_t i = from; i < to; ++i) {
      x.push_back(spots[i].x);
      y.push_back(spots[i].y);
    }
    out.push_back({median(std::move(x)), median(std::move(y))});
    from = to;
  }
  return out.size() < 3 ? std::vector<Spot>{} : out;
}

Axis symmetric_axis(const std::vector<double>& residuals, double delta_percent) {
  double size = std::isfinite(delta_percent) ? 1.5 * delta_percent : 1e-3;
  for (const double r : residuals) {
    if (std::isfinite(r)) size = std::max(size, std::abs(r));
  }
  return axis_over("log(observed / predicted), %", Scale::kLinear, Numbers::kPlain, {-size, size});
}

std::vector<Guide> zero_and_delta(double delta_percent, const Axis& axis) {
  std::vector<Guide> out = {{Guide::Along::kY, 0, "", Dash::kSolid}};
  if (!std::isfinite(delta_percent)) return out;
  const bool apart = delta_percent > 0.03 * axis.high;
  out.push_back({Guide::Along::kY, delta_percent, apart ? "Huber delta" : "± Huber delta"});
  out.push_back({Guide::Along::kY, -delta_percent, ""});
  return out;
}

// The marks of one strategy, as spots of the panel.
Marks marks_of(const std::vector<Spot>& spots, const std::string& colour, const std::string& name) {
  return {spots, {colour}, spots.size() > 400 ? 2.2 : 3.0, spots.size() > 400 ? 0.45 : 0.65,
          name,  {}};
}

struct Against {
  const char* title;
  Axis axis;
  double (*value)(const fit::Point&);
};

Panel residual_panel(const fit::FitResult& fit, const fit::Points& points,
                     const std::vector<double>& residuals, const Against& against) {
  const double delta_percent = 100 * fit.huber_delta;
  Panel panel;
  panel.title = fmt::format("Residuals against {}", against.title);
  panel.note = std::isfinite(delta_percent) ? fmt::format("Huber delta {:.3g} %", delta_percent)
                                            : "least squares";
  panel.y = symmetric_axis(residuals, delta_percent);
  panel.guides = zero_and_delta(delta_percent, panel.y);
  const bool both = fit.law == &fit::joint_law();
  std::vector<double> x;
  std::vector<Spot> all;
  std::vector<Spot> of_stage[2];
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Spot at{against.value(points[i]), residuals[i]};
    x.push_back(at.x);
    all.push_back(at);
    of_stage[both && points[i].stage == fit::Stage::kContinued].push_back(at);
  }
  panel.x = axis_over(against.axis.title, Scale::kLog, against.axis.numbers, x);
  panel.marks.push_back(marks_of(of_stage[0], colour::kBlue, both ? "from scratch" : ""));
  if (both) panel.marks.push_back(marks_of(of_stage[1], colour::kVermilion, "continued"));
  panel.lines.push_back({running_median(all), colour::kInk, 1.8, Dash::kSolid, "running median"});
  if (panel.lines.back().at.empty()) panel.lines.clear();
  panel.caption = fmt::format(
      "Measured against predicted loss over {}: marks above zero lie above the law{}; a trend "
      "would mean that the law bends the wrong way.",
      against.title,
      std::isfinite(delta_percent)
          ? ", and beyond the dashed lines a point pulls with constant force"
          : "");
  return panel;
}

}  // namespace

std::vector<Panel> residual_panels(const fit::FitResult& fit, const fit::Points& points,
                                   const DataNames& names) {
  if (points.empty()) return {};
  const std::vector<double> residuals = residual_percent(fit, points);
  const auto axis = [](std::string title, Numbers numbers) {
    return Axis{std::move(title), Scale::kLog, numbers};
  };
  const std::vector<Against> all = {
      {"N", axis(axis_title("parameters N", "N", names.params), Numbers::kCount),
       [](const fit::Point& p) { return p.params; }},
      {"D", axis(axis_title("tokens D", "D", names.tokens), Numbers::kCount),
       [](const fit::Point& p) { return p.tokens; }},
      {"compute", axis("training compute C, FLOPs", Numbers::kPower),
       [](const fit::Point& p) { return fit::training_flops(p); }}};
  std::vector<Panel> out;
  for (const Against& each : all) out.push_back(residual_panel(fit, points, residuals, each));
  return out;
}

}  // namespace crosslaw::charts
