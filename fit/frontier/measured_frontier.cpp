#include "fit/frontier/measured_frontier.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

using Draws = std::vector<std::optional<FrontierLaws>>;

// `quantity` of the laws and its spread over the draws.
template <typename Quantity>
Estimate spread_of(const FrontierLaws& laws, const Draws& draws, const Quantity& quantity) {
  std::vector<std::optional<double>> values;
  for (const std::optional<FrontierLaws>& each : draws) {
    values.push_back(each ? std::optional<double>(quantity(*each)) : std::nullopt);
  }
  return summarise(quantity(laws), values);
}

PowerLawEstimate estimate_of(const FrontierLaws& laws, const Draws& draws,
                             PowerLaw FrontierLaws::*which) {
  PowerLawEstimate out;
  out.constant = spread_of(laws, draws, [which](const FrontierLaws& each) {
    return std::exp((each.*which).log_constant);
  });
  out.exponent =
      spread_of(laws, draws, [which](const FrontierLaws& each) { return (each.*which).exponent; });
  out.rms = (laws.*which).rms;
  return out;
}

FrontierRow row_at(double flops, const FrontierLaws& laws, const Draws& draws,
                   const Range& measured) {
  const double c = std::log(flops);
  const auto at = [&](PowerLaw FrontierLaws::*which) {
    return spread_of(laws, draws, [which, c](const FrontierLaws& each) {
      return std::exp((each.*which).log_at(c));
    });
  };
  FrontierRow row;
  row.flops = flops;
  row.params = at(&FrontierLaws::params);
  row.tokens = at(&FrontierLaws::tokens);
  row.loss = at(&FrontierLaws::loss);
  row.params_at_half = at(&FrontierLaws::params_at_half);
  row.tokens_per_param = spread_of(laws, draws, [c](const FrontierLaws& each) {
    return std::exp(each.tokens.log_at(c) - each.params.log_at(c));
  });
  if (flops > measured.high) row.flops_factor = flops / measured.high;
  if (flops < measured.low) row.flops_factor = flops / measured.low;
  return row;
}

}  // namespace

std::optional<FrontierLaws> frontier_laws(const std::vector<FrontierPoint>& points) {
  std::vector<double> flops, params, tokens, loss;
  for (const FrontierPoint& point : points) {
    flops.push_back(point.log_flops);
    params.push_back(point.log_params);
    tokens.push_back(point.log_tokens);
    loss.push_back(point.log_loss);
  }
  const std::optional<PowerLaw> size = power_law_through(flops, params);
  if (!size) return std::nullopt;
  return FrontierLaws{*size, *power_law_through(flops, tokens), *power_law_through(flops, loss),
                      power_law_with_exponent(flops, params, 0.5),
                      power_law_with_exponent(flops, tokens, 0.5)};
}

std::vector<std::string> problems(const FrontierOptions& options) {
  std::vector<std::string> out;
  for (const double flops : options.flops) {
    if (std::isfinite(flops) && flops > 0) continue;
    out.push_back(fmt::format("flops = {} must be a finite number above 0", flops));
  }
  if (options.draws < 0) {
    out.push_back(fmt::format("draws = {} must be 0 or more", options.draws));
  }
  if (options.threads < 0) {
    out.push_back(fmt::format("threads = {} must be 0 or more", options.threads));
  }
  return out;
}

std::optional<MeasuredFrontier> measure_frontier(const std::vector<FrontierPoint>& points,
                                                 const Draws& draws,
                                                 const std::vector<double>& flops) {
  const std::optional<FrontierLaws> laws = frontier_laws(points);
  if (!laws) return std::nullopt;
  MeasuredFrontier out;
  out.points = points.size();
  const auto [low, high] = std::minmax_element(
      points.begin(), points.end(),
      [](const FrontierPoint& a, const FrontierPoint& b) { return a.log_flops < b.log_flops; });
  out.flops = {std::exp(low->log_flops), std::exp(high->log_flops)};
  out.params = estimate_of(*laws, draws, &FrontierLaws::params);
  out.tokens = estimate_of(*laws, draws, &FrontierLaws::tokens);
  out.loss = estimate_of(*laws, draws, &FrontierLaws::loss);
  out.params_at_half = estimate_of(*laws, draws, &FrontierLaws::params_at_half);
  out.tokens_at_half = estimate_of(*laws, draws, &FrontierLaws::tokens_at_half);
  for (const double each : flops) out.rows.push_back(row_at(each, *laws, draws, out.flops));
  return out;
}

void require_frontier_input(const Points& points, const std::vector<std::string>& option_problems) {
  std::vector<std::string> wrong = option_problems;
  const std::vector<std::string> bad = problems(points);
  wrong.insert(wrong.end(), bad.begin(), bad.end());
  for (std::size_t i = 0; i < points.size() && wrong.empty(); ++i) {
    if (!std::isfinite(training_flops(points[i]))) {
      wrong.push_back(fmt::format("point {}: 6 N D is beyond a double", i));
    }
  }
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
  const Points continued = select_stage(points, Stage::kContinued);
  if (!continued.empty() && continued.size() < points.size()) {
    throw std::invalid_argument(
        fmt::format("{} of {} points are continued, the others from scratch: a frontier is of one "
                    "strategy; choose one with a filter",
                    continued.size(), points.size()));
  }
}

}  // namespace crosslaw::fit
