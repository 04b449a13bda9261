// The picture of Hoffmann et al. 2022, Fig. 3: loss over size, one curve a compute budget.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "apps/charts/fit_charts.h"
#include "fit/frontier/isoflop.h"

namespace crosslaw::charts {
namespace {

constexpr std::size_t kMostBudgets = 7;  // more curves than that cannot be told apart
constexpr int kSpotsOfCurve = 41;
constexpr double kReach = 6;  // of a law's curve: sizes up to so many times its best

struct Budget {
  double flops = 0;
  fit::Range range;                    // of the points that belong to it
  const fit::IsoflopBudget* parabola;  // null: none was measured
};

// From pale to dark as the compute grows.
std::string shade(std::size_t i, std::size_t count) {
  const double share = count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 1;
  const auto mix = [share](int pale, int dark) {
    return static_cast<int>(std::lround(pale + share * (dark - pale)));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", mix(0x9f, 0x0b), mix(0xc6, 0x2c), mix(0xe6, 0x5a));
}

std::optional<fit::IsoflopFit> measured_parabolas(const fit::Points& points) {
  fit::IsoflopOptions options;
  options.frontier.draws = 0;
  try {
    return fit::fit_isoflop(points, options);
  } catch (const std::invalid_argument&) {
    return std::nullopt;  // too few points, or none at one compute
  }
}

// Budgets with a parabola, evenly picked; without any, decades of the measured compute.
std::vector<Budget> budgets_of(const std::optional<fit::IsoflopFit>& parabolas,
                               const fit::DataRange& covered) {
  std::vector<const fit::IsoflopBudget*> used;
  if (parabolas) {
    for (const fit::IsoflopBudget& each : parabolas->budgets) {
      if (each.use == fit::BudgetUse::kUsed) used.push_back(&each);
    }
  }
  std::vector<Budget> out;
  const std::size_t count = std::min(used.size(), kMostBudgets);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = count > 1 ? i * (used.size() - 1) / (count - 1) : 0;
    out.push_back({used[at]->flops, used[at]->flops_range, used[at]});
  }
  if (!out.empty()) return out;
  constexpr int kByLaw = 5;
  for (int i = 0; i < kByLaw; ++i) {
    const double flops = covered.flops.low * std::pow(covered.flops.high / covered.flops.low,
                                                      static_cast<double>(i) / (kByLaw - 1));
    constexpr double kNear = 1.1;  // points of about this compute
    out.push_back({flops, {flops / kNear, flops * kNear}, nullptr});
  }
  return out;
}

Line parabola_line(const fit::IsoflopBudget& budget, const std::string& colour) {
  Line out{{}, colour, 2, Dash::kSolid, ""};
  const double low = std::log(budget.params.low), high = std::log(budget.params.high);
  for (int k = 0; k < kSpotsOfCurve; ++k) {
    const double x = low + (high - low) * k / (kSpotsOfCurve - 1);
    const double off = x - std::log(*budget.params_optimum.value);
    out.at.push_back({std::exp(x), *budget.loss.value * std::exp(budget.curvature * off * off)});
  }
  return out;
}

Line law_line(const Strategy& strategy, double flops, double best, const std::string& colour) {
  Line out{{}, colour, 1.2, Dash::kDashed, ""};
  const fit::ComputeModel compute = strategy.fit.compute_model();
  for (int k = 0; k < kSpotsOfCurve; ++k) {
    const double n = best * std::pow(kReach, 2.0 * k / (kSpotsOfCurve - 1) - 1);
    out.at.push_back({n, fit::predicted_loss(*strategy.fit.law, strategy.fit.theta, n,
                                             compute.tokens(flops, n))});
  }
  return out;
}

Marks marks_of(const Strategy& strategy, const Budget& budget, const std::string& colour) {
  Marks out{{}, {colour}, 3, 0.9, fmt::format("C = {:.2e}", budget.flops), {}};
  for (const fit::Point& p : strategy.points) {
    const double flops = fit::training_flops(p);
    if (flops >= budget.range.low * (1 - 1e-9) && flops <= budget.range.high * (1 + 1e-9))
      out.at.push_back({p.params, p.loss});
  }
  return out;
}

void fit_axes(const DataNames& names, Panel& panel) {
  std::vector<double> x, y;
  const auto take = [&](const std::vector<Spot>& spots) {
    for (const Spot& spot : spots) x.push_back(spot.x), y.push_back(spot.y);
  };
  for (const Line& line : panel.lines) take(line.at);
  for (const Marks& marks : panel.marks) take(marks.at);
  panel.x = axis_over(axis_title("parameters N", "N", names.params), Scale::kLog, Numbers::kCount,
                      x, 0.03);
  panel.y = axis_over(axis_title("loss", "loss", names.loss), Scale::kLinear, Numbers::kPlain, y);
}

Panel panel_of(const Strategy& strategy, const DataNames& names) {
  Panel out;
  out.title = titled("IsoFLOP curves", strategy);
  const std::optional<fit::IsoflopFit> parabolas = measured_parabolas(strategy.points);
  const fit::DataRange covered = fit::coverage(strategy.points);
  const std::vector<Budget> budgets = budgets_of(parabolas, covered);
  Line frontier{{}, colour::kInk, 2.4, Dash::kSolid, "best size by the law"};
  for (const fit::AllocationRow& row : frontier_rows(strategy.fit, covered.flops, false)) {
    if (row.params.value && row.loss.value)
      frontier.at.push_back({*row.params.value, *row.loss.value});
  }
  bool measured = false;
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const std::string colour = shade(i, budgets.size());
    Marks marks = marks_of(strategy, budgets[i], colour);
    if (budgets[i].parabola) {
      out.lines.push_back(parabola_line(*budgets[i].parabola, colour));
      measured = true;
    }
    const auto best = frontier_rows(strategy.fit, {budgets[i].flops, budgets[i].flops}, false);
    if (!best.empty() && best.front().params.value)
      out.lines.push_back(law_line(strategy, budgets[i].flops, *best.front().params.value, colour));
    if (!marks.at.empty()) out.marks.push_back(std::move(marks));
  }
  if (!frontier.at.empty()) out.lines.push_back(std::move(frontier));
  out.caption = measured
                    ? "Solid: a parabola through the runs of one compute; dashed: the law. The "
                      "lowest point is the best size for that compute."
                    : "Dashed: the law at one compute; no compute has runs of four sizes for a "
                      "parabola. The lowest point is the best size for that compute.";
  fit_axes(names, out);
  return out;
}

}  // namespace

std::vector<Panel> isoflop_panels(const std::vector<Strategy>& strategies, const DataNames& names) {
  std::vector<Panel> out;
  for (const Strategy& each : strategies) {
    if (each.points.empty()) continue;
    Panel panel = panel_of(each, names);
    if (!panel.lines.empty()) out.push_back(std::move(panel));
  }
  return out;
}

}  // namespace crosslaw::charts
