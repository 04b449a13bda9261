#include "fit/allocate/allocation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "fit/allocate/known_answers.h"
#include "fit/laws/law_columns.h"

namespace crosslaw::fit {
namespace {

constexpr double kMostUndefined = 0.5;  // of the draws: with more N* is not known at all
constexpr double kWorthSaying = 1.05;   // factors outside the measured range below this are silent

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

void warn_of_extrapolation(const DataRange& covered, AllocationRow& row) {
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

// Everything asked of one budget under one theta.
struct Answer {
  std::optional<Split> best;
  std::optional<Split> unlimited;
  std::optional<Range> flat;
  std::optional<std::size_t> size;  // of the ladder
};

Answer answer(const Law& law, const Theta& theta, const Budget& budget,
              const AllocationOptions& options) {
  Answer out;
  // The unlimited optimum first: what limits give up is told against it, and without one the
  // limited best is only where a cap happens to stand.
  out.unlimited = best_split(law, theta, {budget.flops, budget.compute, {}});
  if (!out.unlimited) return out;
  out.best = any(budget.limits) ? best_split(law, theta, budget) : out.unlimited;
  if (out.best) out.flat = flat_band(law, theta, budget, *out.best, options.flat_share);
  out.size = best_size(law, theta, budget, options.ladder);
  return out;
}

// A quantity of the answer at the optimum and over the draws.
template <class Read>
Estimate spread(const Answer& at_optimum, const std::vector<Answer>& draws, const Read& read) {
  // A draw without an optimum counts as undefined, not as left out: it would make intervals narrow.
  std::vector<std::optional<double>> values;
  values.reserve(draws.size());
  for (const Answer& each : draws) {
    values.push_back(each.best ? std::optional<double>(read(each)) : std::nullopt);
  }
  return summarise(at_optimum.best ? std::optional<double>(read(at_optimum)) : std::nullopt,
                   values);
}

void say_what_binds(const Split& best, const Budget& budget, AllocationRow& row) {
  const Limits& limits = budget.limits;
  if (best.at_max_params) row.binding.emplace_back("max-params");
  if (best.at_max_tokens) row.binding.emplace_back("max-tokens");
  if (limits.inference_tokens > 0) row.binding.emplace_back("inference");
  if (limits.unique_tokens) {
    row.epochs = std::max(1.0, best.tokens / *limits.unique_tokens);
    if (best.tokens > *limits.unique_tokens) row.binding.emplace_back("unique-tokens");
  }
  row.unused_share = best.unused_share;
  if (row.unused_share == 0) return;
  row.warnings.push_back(
      fmt::format("{:.3g} % of C = {:.3g} stays unused: {}", 100 * row.unused_share, row.flops,
                  best.at_max_params && best.at_max_tokens
                      ? "both parameters and tokens are at their cap"
                      : "with the tokens at their cap a larger model is predicted to be worse"));
}

AllocationRow make_row(const FitResult& fit, const Budget& budget,
                       const AllocationOptions& options) {
  const Answer at = answer(*fit.law, fit.theta, budget, options);
  std::vector<Answer> draws;
  std::vector<std::optional<std::size_t>> sizes;
  for (Eigen::Index r = 0; r < fit.draws.rows(); ++r) {
    draws.push_back(answer(*fit.law, fit.draws.row(r).transpose(), budget, options));
    sizes.push_back(draws.back().size);
  }
  AllocationRow row;
  row.flops = budget.flops;
  row.params = spread(at, draws, [](const Answer& a) { return a.best->params; });
  row.tokens = spread(at, draws, [](const Answer& a) { return a.best->tokens; });
  row.tokens_per_param =
      spread(at, draws, [](const Answer& a) { return a.best->tokens / a.best->params; });
  row.loss = spread(at, draws, [](const Answer& a) { return a.best->loss; });
  row.given_up =
      spread(at, draws, [](const Answer& a) { return a.best->loss / a.unlimited->loss - 1; });
  row.flat = at.flat;
  row.flat_low = spread(at, draws, [](const Answer& a) { return a.flat->low; });
  row.flat_high = spread(at, draws, [](const Answer& a) { return a.flat->high; });
  row.unlimited = at.unlimited;
  // The ladder is judged against the best of all sizes, so that its own coarseness shows as excess.
  row.ladder = ladder_choices(*fit.law, fit.theta, budget, options.ladder, sizes, at.best->loss,
                              options.flat_share);
  if (!row.ladder.empty()) row.nearest = row.ladder.front();
  if (fit.measured_range) warn_of_extrapolation(*fit.measured_range, row);
  say_what_binds(*at.best, budget, row);
  if (!options.ladder.empty() && row.ladder.empty()) {
    row.warnings.push_back(
        fmt::format("no size of the ladder is within the limits at C = {:.3g}", row.flops));
  }
  row.known = verdict_of_params(fit, row.params);
  if (row.known.degree != Knowledge::kKnown) {
    row.warnings.push_back(fmt::format("N* at C = {:.3g} is {}: {}", row.flops,
                                       name_of(row.known.degree), row.known.reason));
  }
  return row;
}

// The growth of N* and D* between two budgets a factor e^2 apart around `budget`; exact where it is
// a power law.
std::optional<OptimumGrowth> secant(const Law& law, const Theta& theta, const Budget& budget) {
  // Two e-folds of compute apart: far above the tolerance of the search, near enough to be local.
  const auto at = [&](double step) {
    Budget moved = budget;
    moved.flops *= std::exp(step);
    return best_split(law, theta, moved);
  };
  const std::optional<Split> below = at(-1), middle = at(0), above = at(1);
  if (!below || !middle || !above) return std::nullopt;
  OptimumGrowth out;
  out.params_exponent = 0.5 * std::log(above->params / below->params);
  out.tokens_exponent = 0.5 * std::log(above->tokens / below->tokens);
  const double log_flops = std::log(budget.flops);
  out.params_constant = std::exp(std::log(middle->params) - out.params_exponent * log_flops);
  out.tokens_constant = std::exp(std::log(middle->tokens) - out.tokens_exponent * log_flops);
  out.reducible_constant = out.reducible_exponent = std::numeric_limits<double>::quiet_NaN();
  return out;
}

bool holds_far_away(const OptimumGrowth& line, const Law& law, const Theta& theta, Budget budget) {
  constexpr double kFar = 1e3;     // a sweep seldom extrapolates further
  constexpr double kClose = 1e-3;  // of log N*: nobody would see it
  for (const double factor : {1 / kFar, kFar}) {
    const double flops = budget.flops * factor;
    const std::optional<Split> best =
        best_split(law, theta, {flops, budget.compute, budget.limits});
    if (!best) return false;
    const double predicted = line.params_constant * std::pow(flops, line.params_exponent);
    if (std::abs(std::log(best->params / predicted)) > kClose) return false;
  }
  return true;
}

// Without the caps: they hold at some budgets and not at others.
std::optional<GrowthEstimate> growth_of(const FitResult& fit, const Budget& middle) {
  Budget budget = middle;
  // Limits that scale with nothing else (served tokens, distinct tokens) stay: they bend the
  // growth.
  budget.limits.max_params.reset();
  budget.limits.max_tokens.reset();
  const auto line_of = [&](const Theta& theta) {
    const std::optional<PowerForm> form = power_form(*fit.law, theta);
    return form && !(budget.limits.inference_tokens > 0) ? optimum_growth(*form, budget.compute)
                                                         : secant(*fit.law, theta, budget);
  };
  const std::optional<OptimumGrowth> line = line_of(fit.theta);
  if (!line) return std::nullopt;
  std::vector<std::optional<double>> params, tokens;
  for (Eigen::Index r = 0; r < fit.draws.rows(); ++r) {
    const std::optional<OptimumGrowth> drawn = line_of(fit.draws.row(r).transpose());
    params.push_back(drawn ? std::optional(drawn->params_exponent) : std::nullopt);
    tokens.push_back(drawn ? std::optional(drawn->tokens_exponent) : std::nullopt);
  }
  GrowthEstimate out{*line, summarise(line->params_exponent, params),
                     summarise(line->tokens_exponent, tokens), std::nullopt};
  if (!holds_far_away(*line, *fit.law, fit.theta, budget)) out.near_flops = budget.flops;
  return out;
}

void require_usable(const FitResult& fit, const AllocationOptions& options) {
  const std::vector<std::string> wrong = problems(options);
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
  if (!fit.law->parts.empty()) {
    throw std::invalid_argument(
        fmt::format("law '{}' is allocated strategy by strategy", fit.law->name));
  }
  if (options.limits.unique_tokens && !knows_repetition(*fit.law)) {
    throw std::invalid_argument(fmt::format(
        "unique_tokens = {:g}: law '{}' does not know repeated tokens; law 'data-constrained' does",
        *options.limits.unique_tokens, fit.law->name));
  }
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
  for (const auto& each : {problems(options.limits), problems(options.ladder)}) {
    out.insert(out.end(), each.begin(), each.end());
  }
  return out;
}

Allocation allocate(const FitResult& fit, const AllocationOptions& options) {
  require_usable(fit, options);
  Allocation out;
  out.flat_share = options.flat_share;
  out.limits = options.limits;
  if (!options.six_nd) out.compute = fit.compute_model();
  out.convention = {fit.convention.params, describe(out.compute), fit.convention.loss};
  out.warnings = fit.problems;
  // Unique tokens are a limit of their own.
  if (const std::string given = taken_for_given(*fit.law, true); !given.empty()) {
    out.warnings.push_back("N*, D* and losses are those of " + given);
  }
  const Verdict beforehand = verdict_of_params(fit, {.value = 1});
  if (!beforehand.usable() && !options.accept_unidentified) {
    out.refused = beforehand.reason;
    return out;
  }
  // A law may have an optimum at some budgets only, with or without limits: one refusal for all, at
  // the smallest budget that has none, rather than a table with holes.
  std::vector<double> sorted = options.flops;
  std::sort(sorted.begin(), sorted.end());
  for (const double flops : sorted) {
    for (const Limits& limits : {Limits{}, options.limits}) {
      out.refused = why_no_split(*fit.law, fit.theta, {flops, out.compute, limits});
      if (!out.refused.empty()) return out;
    }
  }
  out.growth = growth_of(fit, {sorted[sorted.size() / 2], out.compute, options.limits});
  for (const double flops : options.flops) {
    out.rows.push_back(make_row(fit, {flops, out.compute, options.limits}, options));
  }
  // Where an optimum is missing from some draws only, the value stands without an interval.
  const bool any_known =
      std::any_of(out.rows.begin(), out.rows.end(), [](const AllocationRow& row) {
        return row.known.usable() || (!row.params.ci95 && row.params.undefined < kMostUndefined);
      });
  if (any_known || options.accept_unidentified) return out;
  out.refused =
      fmt::format("at C = {:.4g} {}", out.rows.front().flops, out.rows.front().known.reason);
  out.rows.clear();
  out.growth.reset();
  return out;
}

}  // namespace crosslaw::fit
