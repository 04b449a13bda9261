#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "apps/charts/drawn_points.h"
#include "apps/charts/fit_charts.h"
#include "fit/evidence/residual_trend.h"
#include "fit/laws/law_parts.h"

namespace crosslaw::charts {
namespace {

constexpr std::size_t kMany = 400;  // points; from here on their marks are small and pale

// The running median of all spots, as a line.
std::vector<Spot> trend_of(const std::vector<Spot>& spots) {
  std::vector<double> x, residuals;
  for (const Spot& spot : spots) {
    x.push_back(spot.x);
    residuals.push_back(spot.y);
  }
  std::vector<Spot> out;
  for (const fit::TrendSpot& each : fit::running_median(x, residuals))
    out.push_back({each.x, each.residual});
  return out;
}

Axis residual_axis(std::vector<double> residuals, double delta_percent) {
  const double least = std::isfinite(delta_percent) ? 1.5 * delta_percent : 1e-3;
  residuals.insert(residuals.end(), {-least, least});
  return axis_over("log(observed / predicted), %", Scale::kLinear, Numbers::kPlain, residuals);
}

std::vector<Guide> zero_and_delta(double delta_percent) {
  std::vector<Guide> out = {{Guide::Along::kY, 0, "", Dash::kSolid}};
  if (!std::isfinite(delta_percent)) return out;
  for (const double at : {-delta_percent, delta_percent}) out.push_back({Guide::Along::kY, at, ""});
  return out;
}

// The points of one way of training in a panel, and the running median of all of them.
void add_spots(const std::vector<Spot>& spots, std::vector<Spot> drawn, const std::string& name,
               const std::string& colour, const std::string& line_colour, Panel& panel) {
  Marks marks{std::move(drawn), {colour}, 3.0, 0.65, name, {}};
  if (spots.size() > kMany) {
    marks.radius = spots.size() > 10 * kMany ? 1.4 : 2.2;
    marks.opacity = spots.size() > 10 * kMany ? 0.25 : 0.45;
  }
  marks.beneath = true;
  panel.marks.push_back(std::move(marks));
  Line line{trend_of(spots), line_colour, 1.8, Dash::kSolid, "running median"};
  if (!line.at.empty()) panel.lines.push_back(std::move(line));
}

// Those of the spots `which` that a strategy describes.
std::vector<Spot> pick(const std::vector<Spot>& spots, const std::vector<std::size_t>& which,
                       const fit::Points& points, const fit::LawPart& part) {
  std::vector<Spot> out;
  for (const std::size_t i : which) {
    if (fit::describes(part, points[i].stage)) out.push_back(spots[i]);
  }
  return out;
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
  panel.note = std::isfinite(delta_percent)
                   ? fmt::format("dashed: Huber delta, \u00b1{:.3g} %", delta_percent)
                   : "least squares";
  panel.y = residual_axis(residuals, delta_percent);
  panel.guides = zero_and_delta(delta_percent);
  std::vector<double> x;
  std::vector<Spot> all;
  for (std::size_t i = 0; i < points.size(); ++i) {
    x.push_back(against.value(points[i]));
    all.push_back({x.back(), residuals[i]});
  }
  panel.x = axis_over(against.axis.title, Scale::kLog, against.axis.numbers, x);
  std::vector<std::size_t> every(points.size());
  std::iota(every.begin(), every.end(), std::size_t{0});
  const DrawnPoints drawn = drawn_points(residuals);
  const std::vector<fit::LawPart> parts = fit::parts_of(*fit.law);
  const std::vector<Strategy> strategies = strategies_of(fit, {});
  for (std::size_t s = 0; s < parts.size(); ++s) {
    const std::string& mark_colour = strategies[s].colour;
    add_spots(pick(all, every, points, parts[s]), pick(all, drawn.at, points, parts[s]),
              shown_name(strategies[s], ""), mark_colour,
              parts.size() == 1 ? colour::kInk : mark_colour, panel);
  }
  panel.caption = fmt::format(
      "Measured against predicted loss over {}: marks above zero lie above the law{}; a trend "
      "means that the law misses the shape of the data.",
      against.title,
      std::isfinite(delta_percent)
          ? ", and beyond the dashed lines a point pulls with constant force"
          : "");
  panel.caption += drawn.note;
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
