#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/charts/drawn_points.h"
#include "apps/charts/fit_charts.h"
#include "fit/evidence/loss_surface.h"
#include "fit/laws/power_form.h"
#include "fit/solve/spread.h"

namespace crosslaw::charts {
namespace {

constexpr int kGridLines = 81;
constexpr std::size_t kMostTitles = 1500;  // points that say who they are when pointed at

struct Area {
  Axis params;
  Axis tokens;
};

// Around the points, with a factor of two to spare.
std::optional<Area> area_of(const Strategy& strategy, const DataNames& names) {
  if (strategy.points.empty() && !strategy.fit.measured_range) return std::nullopt;
  const fit::DataRange covered =
      strategy.points.empty() ? *strategy.fit.measured_range : fit::coverage(strategy.points);
  const auto around = [](const fit::Range& range) {
    return std::vector<double>{range.low / 2, range.high * 2};
  };
  return Area{axis_over(axis_title("parameters N", "N", names.params), Scale::kLog, Numbers::kCount,
                        around(covered.params), 0.02),
              axis_over(axis_title("tokens D", "D", names.tokens), Scale::kLog, Numbers::kCount,
                        around(covered.tokens), 0.02)};
}

// log loss over log N and log D.
Grid loss_grid(const fit::FitResult& fit, const Area& area) {
  std::vector<double> params, tokens;
  for (int i = 0; i < kGridLines; ++i) {
    const double share = static_cast<double>(i) / (kGridLines - 1);
    params.push_back(value_at(area.params, share));
    tokens.push_back(value_at(area.tokens, share));
  }
  fit::LossSurface surface = fit::loss_surface(fit, std::move(params), std::move(tokens));
  Grid grid{std::move(surface.params), std::move(surface.tokens), std::move(surface.log_loss)};
  for (double& each : grid.x) each = std::log(each);  // the contours are interpolated on log axes
  for (double& each : grid.y) each = std::log(each);
  return grid;
}

// Round losses between the least of the area and where the contours become too dense to read.
RoundNumbers levels(const Grid& grid, const fit::Points& points) {
  std::vector<double> sorted;
  for (const double z : grid.z) {
    if (std::isfinite(z)) sorted.push_back(z);
  }
  if (sorted.empty()) return {};
  std::sort(sorted.begin(), sorted.end());
  double high = std::exp(fit::quantile(sorted, 0.9));
  if (!points.empty()) {
    const double worst = fit::coverage(points).loss.high;
    if (1.2 * worst > std::exp(sorted.front())) high = std::min(high, 1.2 * worst);
  }
  return round_numbers(std::exp(sorted.front()), high, 18);
}

std::vector<Contour> contours_of(const fit::FitResult& fit, const Area& area,
                                 const fit::Points& points) {
  const Grid grid = loss_grid(fit, area);
  const RoundNumbers chosen = levels(grid, points);
  std::vector<Contour> out;
  for (const double level : chosen.values) {
    if (!(level > 0)) continue;
    Contour contour;
    contour.label = fmt::format("{:.{}f}", level, chosen.decimals);
    for (std::vector<Spot>& line : contour_lines(grid, std::log(level))) {
      for (Spot& spot : line) spot = {std::exp(spot.x), std::exp(spot.y)};
      contour.lines.push_back(std::move(line));
    }
    if (!contour.lines.empty()) out.push_back(std::move(contour));
  }
  return out;
}

// The colours end at the 95th percentile, so that one outlier does not make the rest grey.
double colour_limit(const std::vector<double>& residuals) {
  std::vector<double> sizes;
  for (const double r : residuals) {
    if (std::isfinite(r)) sizes.push_back(std::abs(r));
  }
  if (sizes.empty()) return 1;
  std::sort(sizes.begin(), sizes.end());
  const double size = std::max(fit::quantile(sizes, 0.95), 1e-6);
  const double unit = std::pow(10.0, std::floor(std::log10(size)));
  return std::ceil(size / unit - 1e-9) * unit;
}

// Returns what the caption has to say about them.
std::string add_points(const Strategy& strategy, Panel& panel) {
  const std::vector<double> residuals = residual_percent(strategy.fit, strategy.points);
  const double limit = colour_limit(residuals);
  Marks marks;
  marks.radius = strategy.points.size() > 400 ? 2.2 : 3.4;
  marks.beneath = strategy.points.size() > 400;
  marks.opacity = 0.95;
  const DrawnPoints drawn = drawn_points(residuals);
  for (const std::size_t i : drawn.at) {
    const fit::Point& point = strategy.points[i];
    marks.at.push_back({point.params, point.tokens});
    marks.colours.push_back(residual_colour(residuals[i] / limit));
    if (strategy.points.size() > kMostTitles) continue;
    marks.titles.push_back(fmt::format(
        "N {}, D {}: loss {:.6g}, {:+.3g} % from the law", written(point.params, Numbers::kCount),
        written(point.tokens, Numbers::kCount), point.loss, residuals[i]));
  }
  if (marks.at.empty()) return "";
  panel.marks.push_back(std::move(marks));
  panel.colour_bar = ColourBar{limit, "residual", "%"};
  return drawn.note;
}

// Why no frontier is drawn; empty where one is.
std::string why_no_frontier(const fit::FitResult& fit) {
  if (!fit.identifiable) return "no frontier: the fit is not identifiable";
  const std::optional<fit::PowerForm> form = fit::power_form(*fit.law, fit.theta);
  const bool has_optimum = form && fit::why_no_optimum(*form, fit.compute_model()).empty();
  return has_optimum ? "" : "no frontier: the law has no optimum";
}

void add_frontier(const Strategy& strategy, Panel& panel) {
  const fit::ComputeModel compute = strategy.fit.compute_model();
  const fit::Range area{compute.flops_per_token(panel.x.low) * panel.y.low,
                        compute.flops_per_token(panel.x.high) * panel.y.high};
  const std::vector<fit::AllocationRow> rows = frontier_rows(strategy.fit, area, false);
  if (rows.empty()) return;
  Line inside{{}, colour::kInk, 2.2, Dash::kSolid, "compute-optimal"};
  Line outside{{}, colour::kInk, 1.6, Dash::kDashed, ""};
  Band band{{}, colour::kInk, 0.16, "95 % band"};
  std::vector<Spot> back;
  Marks decades{{}, {colour::kInk}, 2.4, 1, "", {}};
  for (const fit::AllocationRow& row : rows) {
    const Spot at{*row.params.value, *row.tokens.value};
    outside.at.push_back(at);
    if (row.flops_factor == 1) inside.at.push_back(at);
    if (row.params.ci95) {
      const fit::Range& n = *row.params.ci95;
      band.edge.push_back({n.low, compute.tokens(row.flops, n.low)});
      back.push_back({n.high, compute.tokens(row.flops, n.high)});
    }
    if (!is_decade(row.flops)) continue;
    decades.at.push_back(at);
    panel.remarks.push_back({at, written(row.flops, Numbers::kPower)});
  }
  band.edge.insert(band.edge.end(), back.rbegin(), back.rend());
  if (!band.edge.empty()) panel.bands.push_back(std::move(band));
  panel.lines = {std::move(outside), std::move(inside)};
  panel.marks.push_back(std::move(decades));
}

}  // namespace

std::vector<Panel> surface_panels(const std::vector<Strategy>& strategies, const DataNames& names) {
  std::vector<Panel> out;
  for (const Strategy& strategy : strategies) {
    const std::optional<Area> area = area_of(strategy, names);
    if (!area) continue;
    Panel panel;
    panel.title = titled("Loss surface", strategy);
    panel.x = area->params;
    panel.y = area->tokens;
    panel.contours = contours_of(strategy.fit, *area, strategy.points);
    const std::string note = add_points(strategy, panel);
    add_frontier(strategy, panel);
    panel.note = "contours: loss by the law";
    panel.caption =
        "Contours join sizes and token counts of equal predicted loss; each mark is a measured "
        "model, vermilion where its loss lies above the law and blue where it lies below";
    const std::string missing = why_no_frontier(strategy.fit);
    if (!panel.lines.empty()) {
      panel.note += "; dots on the frontier: FLOPs";
      panel.caption +=
          ", and the dark line is the compute-optimal frontier, dashed beyond the measured compute";
    } else if (!missing.empty()) {
      panel.note += "; " + missing;
    }
    panel.caption += "." + note;
    out.push_back(std::move(panel));
  }
  return out;
}

}  // namespace crosslaw::charts
