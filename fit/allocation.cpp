#include "fit/allocation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

constexpr double kWorthSaying = 1.05;  // factors outside the measured range below this are silent

PowerForm form_of(const FitResult& fit, const Theta& theta) {
  const std::optional<PowerForm> form = power_form(*fit.law, theta);
  if (!form || fit.law->size() > 6) {
    throw std::invalid_argument(
        fmt::format("law '{}' has no closed-form allocation", fit.law->name));
  }
  return *form;
}

Estimate over_optimum(const FitResult& fit, double flops, double (*read)(const Optimum&)) {
  return estimate(fit, [&](const Theta& theta) -> std::optional<double> {
    const std::optional<Optimum> at = optimum(form_of(fit, theta), flops);
    if (!at) return std::nullopt;
    return read(*at);
  });
}

// 1 inside the range, else how many times beyond its upper or (below 1) under its lower end.
double factor_outside(double value, const Range& range) {
  if (value > range.high) return value / range.high;
  if (value < range.low) return value / range.low;
  return 1;
}

bool worth_saying(double factor) { return factor > kWorthSaying || factor < 1 / kWorthSaying; }

std::string beyond(double factor, const char* what, const Range& range) {
  return factor > 1 ? fmt::format("{:.3g} times above the largest {} measured ({:.3g})", factor,
                                  what, range.high)
                    : fmt::format("{:.3g} times below the smallest {} measured ({:.3g})",
                                  1 / factor, what, range.low);
}

void warn_of_extrapolation(const Coverage& covered, AllocationRow& row) {
  row.flops_factor = factor_outside(row.flops, covered.flops);
  if (worth_saying(row.flops_factor)) {
    row.warnings.push_back(fmt::format("C = {:.3g} is {}", row.flops,
                                       beyond(row.flops_factor, "compute", covered.flops)));
  }
  const double ratio = *row.tokens_per_param.value;
  row.ratio_factor = factor_outside(ratio, covered.tokens_per_param);
  if (worth_saying(row.ratio_factor)) {
    row.warnings.push_back(
        fmt::format("D*/N* = {:.3g} at C = {:.3g} is {}", ratio, row.flops,
                    beyond(row.ratio_factor, "tokens per parameter", covered.tokens_per_param)));
  }
}

std::optional<LadderChoice> choose(const PowerForm& form, const std::vector<LadderSize>& ladder,
                                   double flops, double least) {
  std::optional<LadderChoice> best;
  for (const LadderSize& size : ladder) {
    const double tokens = flops / size.flops_per_token.value_or(6 * size.params);
    const double loss = form.loss(size.params, tokens);
    if (!best || loss < best->loss) best = LadderChoice{size, tokens, loss, loss / least - 1};
  }
  return best;
}

AllocationRow make_row(const FitResult& fit, const PowerForm& form, double flops,
                       const AllocationOptions& options) {
  AllocationRow row;
  row.flops = flops;
  row.params = over_optimum(fit, flops, [](const Optimum& at) { return at.params; });
  row.tokens = over_optimum(fit, flops, [](const Optimum& at) { return at.tokens; });
  row.tokens_per_param =
      over_optimum(fit, flops, [](const Optimum& at) { return at.tokens / at.params; });
  row.loss = over_optimum(fit, flops, [](const Optimum& at) { return at.loss; });
  row.flat = flat_band(form, flops, options.flat_share);
  row.nearest = choose(form, options.ladder, flops, *row.loss.value);
  if (fit.coverage) warn_of_extrapolation(*fit.coverage, row);
  if (row.params.undefined > 0.025) {
    row.warnings.push_back(
        fmt::format("{:.1f} % of the bootstrap draws have no optimum: no interval is given",
                    100 * row.params.undefined));
  }
  return row;
}

}  // namespace

std::vector<std::string> problems(const AllocationOptions& options) {
  std::vector<std::string> out;
  if (options.flops.empty()) out.push_back("flops: at least one budget is needed");
  for (const double flops : options.flops) {
    if (std::isfinite(flops) && flops > 0) continue;
    out.push_back(fmt::format("flops = {} must be a finite number above 0", flops));
  }
  if (!(options.flat_share > 0 && options.flat_share < 1)) {
    out.push_back(fmt::format("flat_share = {} must be between 0 and 1", options.flat_share));
  }
  for (const LadderSize& size : options.ladder) {
    const double per_token = size.flops_per_token.value_or(6 * size.params);
    if (std::isfinite(size.params) && size.params > 0 && std::isfinite(per_token) &&
        per_token > 0) {
      continue;
    }
    out.push_back(
        fmt::format("ladder size '{}': params = {} and flops_per_token = {} must be "
                    "finite and above 0",
                    size.name, size.params, per_token));
  }
  return out;
}

Allocation allocate(const FitResult& fit, const AllocationOptions& options) {
  const std::vector<std::string> wrong = problems(options);
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
  const PowerForm form = form_of(fit, fit.theta);
  Allocation out;
  out.flat_share = options.flat_share;
  out.warnings = fit.problems;
  if (!fit.identifiable && !options.accept_unidentified) {
    out.refused = fit.problems.empty() ? "the fit is not identifiable" : fit.problems.front();
    return out;
  }
  out.refused = why_no_optimum(form);
  if (!out.refused.empty()) return out;
  const auto exponent = [&](double Frontier::*which) {
    return estimate(fit, [&](const Theta& theta) -> std::optional<double> {
      const std::optional<Frontier> line = frontier(form_of(fit, theta));
      if (!line) return std::nullopt;
      return (*line).*which;
    });
  };
  out.frontier = FrontierEstimate{*frontier(form), exponent(&Frontier::params_exponent),
                                  exponent(&Frontier::tokens_exponent)};
  for (const double flops : options.flops) {
    out.rows.push_back(make_row(fit, form, flops, options));
  }
  return out;
}

}  // namespace crosslaw::fit
