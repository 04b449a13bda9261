#include "apps/charts/strategies.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "apps/charts/svg.h"
#include "fit/evidence/residual_trend.h"
#include "fit/laws/power_form.h"
#include "fit/solve/strategies.h"

namespace crosslaw::charts {
namespace {

constexpr double kPerDecade = 8, kMostDecades = 12;

std::vector<double> budgets(const fit::Range& flops,
                            const std::optional<fit::DataRange>& measured) {
  const double low = std::log10(flops.low);
  const double high = std::log10(flops.high);
  const double step = std::max(1.0, std::ceil((high - low) / kMostDecades)) / kPerDecade;
  std::vector<double> out = {flops.low};
  for (double k = std::ceil(low / step); k * step < high; ++k) {
    const double at = k * step;
    if (at > low + 1e-9 && at < high - 1e-9) out.push_back(std::pow(10.0, at));
  }
  if (flops.high > flops.low) out.push_back(flops.high);
  if (!measured) return out;
  for (const double end : {measured->flops.low, measured->flops.high}) {
    if (end > flops.low && end < flops.high) out.push_back(end);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::vector<Strategy> strategies_of(const fit::FitResult& fit, const fit::Points& points) {
  std::vector<Strategy> out;
  for (fit::StrategyFit& each : fit::strategy_fits(fit)) {
    // As in the report: from scratch orange, continued blue.
    const char* own = each.name == "scratch" ? colour::kVermilion : colour::kBlue;
    out.push_back({each.name, own, std::move(each.fit), fit::points_at(each.stage, points)});
  }
  return out;
}

std::string shown_name(const Strategy& strategy, const std::string& otherwise) {
  if (strategy.name.empty()) return otherwise;
  return strategy.name == "scratch" ? "from scratch" : strategy.name;
}

std::string titled(const std::string& title, const Strategy& strategy) {
  return strategy.name.empty() ? title : title + ": " + shown_name(strategy, "");
}

std::vector<fit::AllocationRow> frontier_rows(const fit::FitResult& fit, const fit::Range& flops,
                                              bool accept_unidentified) {
  const bool usable = flops.low > 0 && flops.low <= flops.high && std::isfinite(flops.high);
  if (!usable) return {};
  fit::AllocationOptions options;
  options.flops = budgets(flops, fit.measured_range);
  options.accept_unidentified = accept_unidentified;
  if (fit::power_form(*fit.law, fit.theta)) return fit::allocate(fit, options).rows;
  // Without a closed form every draw would be searched at every budget, for seconds: no band.
  fit::FitResult alone = fit;
  alone.draws.resize(0, fit.law->size());
  return fit::allocate(alone, options).rows;
}

bool is_decade(double flops) {
  const double at = std::log10(flops);
  return std::abs(at - std::round(at)) < 1e-9;
}

std::vector<double> residual_percent(const fit::FitResult& fit, const fit::Points& points) {
  std::vector<double> out = fit::log_residuals(fit, points);
  for (double& each : out) each *= 100;
  return out;
}

}  // namespace crosslaw::charts
