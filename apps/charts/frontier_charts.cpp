#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/charts/drawn_points.h"
#include "apps/charts/fit_charts.h"

namespace crosslaw::charts {
namespace {

constexpr std::size_t kCrowd = 1000;  // points; from here on their marks are small and pale

using Rows = std::vector<fit::AllocationRow>;

// A quantity of the frontier and how it is drawn.
struct Quantity {
  const char* title;
  const char* axis_title;
  Scale scale;
  Numbers numbers;
  fit::Estimate fit::AllocationRow::*estimate;
  double (*of_point)(const fit::Point&);
  // The values that are as good as the best, from the sizes that are; null: not shown.
  fit::Range (*flat)(const fit::AllocationRow&, const fit::ComputeModel&);
};

const std::vector<Quantity>& quantities() {
  using Row = fit::AllocationRow;
  using fit::Point;
  static const std::vector<Quantity> all = {
      {"Optimal parameters N*", "parameters N", Scale::kLog, Numbers::kCount, &Row::params,
       [](const Point& p) { return p.params; },
       [](const Row& row, const fit::ComputeModel&) { return *row.flat; }},
      {"Optimal tokens D*", "tokens D", Scale::kLog, Numbers::kCount, &Row::tokens,
       [](const Point& p) { return p.tokens; },
       [](const Row& row, const fit::ComputeModel& compute) {
         return fit::Range{compute.tokens(row.flops, row.flat->high),
                           compute.tokens(row.flops, row.flat->low)};
       }},
      {"Tokens per parameter D*/N*", "D/N", Scale::kLog, Numbers::kPlain, &Row::tokens_per_param,
       [](const Point& p) { return p.tokens / p.params; }, nullptr},
      {"Least loss", "loss", Scale::kLinear, Numbers::kPlain, &Row::loss,
       [](const Point& p) { return p.loss; }, nullptr}};
  return all;
}

// What all panels of one figure share.
struct FrontierFigure {
  fit::ComputeModel compute;  // what C means: of lines, marks and axes alike
  std::vector<Strategy> strategies;
  std::vector<Rows> rows;     // one a strategy; empty: refused
  std::vector<Rows> budgets;  // of a report; empty: none
  fit::Range flops;           // the x axis
  std::optional<fit::Range> measured;
  double flat_share = 0;
};

std::string flops_text(double flops) {
  return written(std::stod(fmt::format("{:.2e}", flops)), Numbers::kPower);
}

// Solid over the measured compute, dashed beyond.
void add_line(const Strategy& strategy, const Rows& rows, const Quantity& quantity,
              const std::optional<fit::Range>& measured, Panel& panel) {
  Line inside{{}, strategy.colour, 2.2, Dash::kSolid, shown_name(strategy, "optimum")};
  Line outside{{}, strategy.colour, 1.6, Dash::kDashed, ""};
  Band band{{}, strategy.colour, 0.2, "95 % band"};
  if (!strategy.name.empty()) band.name = shown_name(strategy, "") + ", 95 %";
  // A band is one outline: along the lower ends, and back along the upper ones.
  std::vector<Spot> back;
  for (const fit::AllocationRow& row : rows) {
    const fit::Estimate& estimate = row.*quantity.estimate;
    if (!estimate.value) continue;
    const Spot at{row.flops, *estimate.value};
    outside.at.push_back(at);
    const bool known = !measured || (row.flops >= measured->low * (1 - 1e-9) &&
                                     row.flops <= measured->high * (1 + 1e-9));
    if (known) inside.at.push_back(at);
    if (!estimate.ci95) continue;
    band.edge.push_back({row.flops, estimate.ci95->low});
    back.push_back({row.flops, estimate.ci95->high});
  }
  band.edge.insert(band.edge.end(), back.rbegin(), back.rend());
  if (!band.edge.empty()) panel.bands.push_back(std::move(band));
  panel.lines.push_back(std::move(outside));
  panel.lines.push_back(std::move(inside));
}

void add_budgets(const FrontierFigure& all, std::size_t which, const Quantity& quantity,
                 Panel& panel) {
  if (which >= all.budgets.size()) return;
  const Strategy& strategy = all.strategies[which];
  const std::string as_good = fmt::format("loss within {:.3g} %", 100 * all.flat_share);
  Whiskers flat{{}, strategy.colour, 9, 0.3, as_good};
  Whiskers interval{{}, strategy.colour, 1.6, 1, "budget, 95 %"};
  Marks marks{{}, {strategy.colour}, 3.6, 1, "", {}};
  for (const fit::AllocationRow& row : all.budgets[which]) {
    const fit::Estimate& estimate = row.*quantity.estimate;
    if (quantity.flat && row.flat)
      flat.bars.push_back({row.flops, quantity.flat(row, all.compute)});
    if (estimate.ci95) interval.bars.push_back({row.flops, *estimate.ci95});
    if (!estimate.value) continue;
    marks.at.push_back({row.flops, *estimate.value});
    marks.titles.push_back(fmt::format("C {}: {}", written(row.flops, Numbers::kPower),
                                       written(*estimate.value, quantity.numbers)));
  }
  if (!flat.bars.empty()) panel.whiskers.push_back(std::move(flat));
  if (!interval.bars.empty()) panel.whiskers.push_back(std::move(interval));
  panel.marks.push_back(std::move(marks));
}

void add_points(const FrontierFigure& all, const Quantity& quantity, Panel& panel) {
  Marks marks{{}, {"#9aa5b1"}, 2.2, 0.5, "measured", {}};
  marks.beneath = true;
  for (const Strategy& strategy : all.strategies) {
    for (const std::size_t i : drawn_points(residual_percent(strategy.fit, strategy.points)).at) {
      const fit::Point& point = strategy.points[i];
      marks.at.push_back({fit::training_flops(point), quantity.of_point(point)});
    }
  }
  if (marks.at.size() > kCrowd) {
    marks.radius = 1.5;
    marks.opacity = 0.25;
  }
  if (!marks.at.empty()) panel.marks.push_back(std::move(marks));
}

void set_axes(const FrontierFigure& all, const Quantity& quantity, Panel& panel) {
  std::vector<double> y;
  for (const Line& line : panel.lines) {
    for (const Spot& at : line.at) y.push_back(at.y);
  }
  for (const Band& band : panel.bands) {
    for (const Spot& at : band.edge) y.push_back(at.y);
  }
  for (const Whiskers& each : panel.whiskers) {
    for (const Whiskers::Bar& bar : each.bars) y.insert(y.end(), {bar.range.low, bar.range.high});
  }
  // A few bad runs far above the frontier must not flatten it.
  const double most = quantity.scale == Scale::kLog || y.empty()
                          ? std::numeric_limits<double>::infinity()
                          : 1.1 * *std::max_element(y.begin(), y.end());
  for (const Marks& marks : panel.marks) {
    for (const Spot& at : marks.at) y.push_back(std::min(at.y, most));
  }
  const char* title = all.compute.measured ? "compute C, counted FLOPs" : "compute C = 6ND, FLOPs";
  panel.x = axis_over(title, Scale::kLog, Numbers::kPower, {all.flops.low, all.flops.high}, 0.02);
  panel.y = axis_over(quantity.axis_title, quantity.scale, quantity.numbers, y);
  if (!all.measured) return;
  // A strip of less than 1 % is too narrow to see.
  if (all.flops.high > 1.01 * all.measured->high) {
    panel.shades.push_back({{all.measured->high, panel.x.high}, "extrapolated"});
  }
  if (all.flops.low < all.measured->low / 1.01) {
    panel.shades.push_back({{panel.x.low, all.measured->low}, "extrapolated"});
  }
}

Panel frontier_panel(const FrontierFigure& all, const Quantity& quantity) {
  Panel panel;
  panel.title = quantity.title;
  panel.note = all.measured
                   ? fmt::format("measured compute: {} to {} FLOPs", flops_text(all.measured->low),
                                 flops_text(all.measured->high))
                   : "the measured compute is not known";
  add_points(all, quantity, panel);
  for (std::size_t i = 0; i < all.strategies.size(); ++i) {
    if (all.rows[i].empty()) continue;
    add_line(all.strategies[i], all.rows[i], quantity, all.measured, panel);
    add_budgets(all, i, quantity, panel);
  }
  set_axes(all, quantity, panel);
  panel.caption =
      fmt::format("{} over compute by the fitted law{}{}{}.", quantity.title,
                  panel.bands.empty() ? "" : " with the 95 % band of the bootstrap",
                  panel.shades.empty() ? "" : ", dashed and shaded beyond the measured compute",
                  all.budgets.empty() ? "" : "; the requested budgets are marked");
  return panel;
}

struct Counted {
  fit::FitResult fit;
  fit::Points points;
};

// A fit and its points with C counted in one way: where it is 6ND, compute that points carry is
// forgotten, or they would be drawn beside the lines.
Counted counted_as(const fit::ComputeModel& compute, fit::FitResult fit, fit::Points points) {
  const bool carried =
      std::any_of(points.begin(), points.end(), [](const fit::Point& p) { return p.flops > 0; });
  if (compute.measured || (!carried && !fit.compute)) return {std::move(fit), std::move(points)};
  fit.compute.reset();
  for (fit::Point& p : points) p.flops = 0;
  for (fit::FitResult& stage : fit.stages) {
    stage.compute.reset();
    if (points.empty()) stage.measured_range.reset();
    if (stage.measured_range) stage.measured_range->flops = fit::coverage(points).flops;
  }
  // Without points nobody knows what they would cover in 6ND.
  if (points.empty()) fit.measured_range.reset();
  if (fit.measured_range) fit.measured_range->flops = fit::coverage(points).flops;
  return {std::move(fit), std::move(points)};
}

bool nothing_to_draw(const FrontierFigure& all) {
  return std::all_of(all.rows.begin(), all.rows.end(),
                     [](const Rows& rows) { return rows.empty(); });
}

}  // namespace

std::vector<Panel> frontier_panels(const std::vector<Strategy>& strategies) {
  FrontierFigure all;
  all.strategies = strategies;
  for (const Strategy& strategy : strategies) {
    if (!strategy.fit.measured_range) return {};
    all.compute = strategy.fit.compute_model();
    const fit::Range& flops = strategy.fit.measured_range->flops;
    all.measured = all.measured ? fit::Range{std::min(all.measured->low, flops.low),
                                             std::max(all.measured->high, flops.high)}
                                : flops;
  }
  if (!all.measured) return {};
  all.flops = {all.measured->low, std::pow(10.0, std::ceil(std::log10(all.measured->high) + 1))};
  for (const Strategy& each : strategies) {
    all.rows.push_back(frontier_rows(each.fit, all.flops, false));
  }
  if (nothing_to_draw(all)) return {};
  return {frontier_panel(all, quantities()[0]), frontier_panel(all, quantities()[1])};
}

std::vector<Panel> allocation_panels(const fit::FitResult& whole,
                                     const fit::AllocationReport& report,
                                     const fit::Points& measured) {
  FrontierFigure all;
  if (!report.strategies.empty()) all.compute = report.strategies.front().compute;
  const auto [fit, points] = counted_as(all.compute, whole, measured);
  all.strategies = strategies_of(fit, points);
  std::vector<double> flops;
  for (std::size_t i = 0; i < report.strategies.size(); ++i) {
    all.flat_share = report.strategies[i].flat_share;
    all.budgets.push_back(report.strategies[i].rows);
    for (const fit::AllocationRow& row : report.strategies[i].rows) flops.push_back(row.flops);
  }
  if (flops.empty()) return {};
  const auto [low, high] = std::minmax_element(flops.begin(), flops.end());
  // Half and twice: a single budget still has a line around it.
  all.flops = {std::max(*low / 2, 1e-300), std::min(*high * 2, 1e300)};
  if (fit.measured_range) {
    all.measured = fit.measured_range->flops;
    all.flops = {std::min(all.flops.low, all.measured->low),
                 std::max(all.flops.high, all.measured->high)};
    // Budgets inside the data need no room beyond it.
    if (*low >= all.measured->low) all.flops.low = all.measured->low;
    if (*high <= all.measured->high) all.flops.high = all.measured->high;
  }
  for (std::size_t i = 0; i < all.strategies.size(); ++i) {
    const bool refused = all.budgets[i].empty();
    all.rows.push_back(refused ? Rows{} : frontier_rows(all.strategies[i].fit, all.flops, true));
  }
  std::vector<Panel> out;
  for (const Quantity& quantity : quantities()) out.push_back(frontier_panel(all, quantity));
  return out;
}

std::vector<Panel> fit_panels(const fit::FitResult& whole, const fit::Points& measured,
                              const std::vector<fit::Profile>& profiles, const DataNames& names) {
  const auto [fit, points] =
      counted_as(whole.compute.value_or(fit::ComputeModel{}), whole, measured);
  const std::vector<Strategy> strategies = strategies_of(fit, points);
  std::vector<Panel> out = isoflop_panels(strategies, names);
  const auto add = [&](std::vector<Panel> more) {
    for (Panel& panel : more) out.push_back(std::move(panel));
  };
  add(surface_panels(strategies, names));
  add(residual_panels(fit, points, names));
  add(frontier_panels(strategies));
  add(profile_panels(profiles));
  return out;
}

std::string axis_title(const std::string& quantity, const std::string& usual,
                       const std::string& column) {
  return column.empty() || column == usual ? quantity : fmt::format("{} ({})", quantity, column);
}

}  // namespace crosslaw::charts
