#include "apps/study/transfer_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/allocate/transfer.h"
#include "fit/frontier/lower_envelope.h"

namespace crosslaw::apps {
namespace {

constexpr int kFrontierBudgets = 5;       // at which frontiers are compared
constexpr int kEnvelopeDraws = 200;       // resampled runs behind a curve through the lowest losses
constexpr std::size_t kFewestLowest = 4;  // losses behind such a curve
constexpr std::size_t kMostBudgets = 4;   // that the sentence names
constexpr std::uint64_t kSeed = 1;

// The intervals that there are all say the same, or nothing is said. A share without an interval
// decides nothing, but may contradict.
Saving saving_of(const std::vector<fit::Estimate>& shares) {
  bool above = false, below = false, between = false, any = false;
  for (const fit::Estimate& share : shares) {
    if (!share.value) continue;
    const fit::Range said = share.ci95.value_or(fit::Range{*share.value, *share.value});
    any = any || share.ci95.has_value();
    above = above || said.low > 0;
    below = below || said.high < 0;
    between = between || (said.low <= 0 && said.high >= 0);
  }
  if (!any || between || above == below) return Saving::kCannotTell;
  return above ? Saving::kSaves : Saving::kCosts;
}

TransferSide side_of(const fit::EqualLoss& at, std::size_t row,
                     const std::optional<double>& source_tokens) {
  TransferSide out{fit::saved_share(at, row), fit::transferred_tokens(at, row), std::nullopt};
  if (source_tokens) out.repaid_share = fit::repaid_share(at, row, *source_tokens);
  return out;
}

std::vector<TransferRow> rows_of(const Dataset& data, const fit::EqualLoss& measured,
                                 const fit::EqualLoss* law, const SizeFacts& sizes) {
  std::vector<TransferRow> out;
  for (std::size_t i = 0; i < measured.continued.size(); ++i) {
    const fit::Point& p = measured.continued[i];
    TransferRow row;
    const auto cluster = static_cast<std::size_t>(std::max(0, p.cluster));
    if (p.cluster >= 0 && cluster < data.data.clusters.size())
      row.run = data.data.clusters[cluster];
    row.params = p.params, row.tokens = p.tokens, row.loss = p.loss;
    row.tokens_per_param = p.tokens / p.params;
    if (const auto found = sizes.source_tokens.find(p.params); found != sizes.source_tokens.end())
      row.source_tokens = found->second;
    std::vector<fit::Estimate> shares;
    if (measured.tokens[i]) {
      row.measured = side_of(measured, i, row.source_tokens);
      row.extrapolated = measured.extrapolated[i];
      if (!row.extrapolated) shares.push_back(row.measured->saved_share);
    }
    if (law) {
      row.law = side_of(*law, i, row.source_tokens);
      shares.push_back(row.law->saved_share);
    }
    row.saving = saving_of(shares);
    out.push_back(std::move(row));
  }
  std::stable_sort(out.begin(), out.end(), [](const TransferRow& a, const TransferRow& b) {
    return std::pair(a.params, a.tokens) < std::pair(b.params, b.tokens);
  });
  return out;
}

double budget_ratio(const fit::Point& p, const SizeFacts& sizes) {
  const auto found = sizes.budget_params.find(p.params);
  return p.tokens / (found == sizes.budget_params.end() ? p.params : found->second);
}

// Rows of about the same tokens per parameter, by that ratio.
std::vector<std::vector<std::size_t>> by_ratio(const fit::Points& continued,
                                               const SizeFacts& sizes) {
  std::vector<std::size_t> order(continued.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto ratio = [&](std::size_t i) { return budget_ratio(continued[i], sizes); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return ratio(a) < ratio(b); });
  std::vector<std::vector<std::size_t>> out;
  for (const std::size_t i : order) {
    if (out.empty() || ratio(i) > kOneBudgetRatio * ratio(out.back().back())) out.emplace_back();
    out.back().push_back(i);
  }
  return out;
}

std::vector<TransferBudget> budgets_of(const fit::EqualLoss& measured, const fit::EqualLoss* law,
                                       const SizeFacts& facts) {
  std::vector<TransferBudget> out;
  for (const std::vector<std::size_t>& rows : by_ratio(measured.continued, facts)) {
    TransferBudget budget;
    std::vector<std::size_t> inside;
    std::set<double> sizes;
    for (const std::size_t i : rows) {
      const fit::Point& p = measured.continued[i];
      budget.tokens_per_param += budget_ratio(p, facts) / static_cast<double>(rows.size());
      sizes.insert(p.params);
      if (measured.tokens[i] && !measured.extrapolated[i]) inside.push_back(i);
    }
    budget.sizes = sizes.size();
    budget.extrapolated = rows.size() - inside.size();
    budget.measured = fit::mean_share(measured, inside);
    if (law) budget.law = fit::mean_share(*law, rows);
    budget.saving =
        saving_of(law ? std::vector{budget.measured, budget.law} : std::vector{budget.measured});
    out.push_back(budget);
  }
  return out;
}

std::vector<TransferCrossing> crossings_of(const fit::EqualLoss& measured,
                                           const fit::FitResult* both) {
  std::set<double> sizes;
  for (const fit::Point& p : measured.continued) sizes.insert(p.params);
  std::vector<TransferCrossing> out;
  for (const double params : sizes) {
    TransferCrossing crossing{params, fit::measured_crossing(measured, params), {}, true};
    if (both) {
      const fit::Crossing law = fit::crossing_at(*both, params);
      crossing.law = law.tokens;
      crossing.continued_better_below = law.continued_better_below;
    }
    out.push_back(crossing);
  }
  return out;
}

std::vector<double> flops_of_points(const fit::Points& points) {
  std::vector<double> out;
  for (const fit::Point& p : points) out.push_back(fit::training_flops(p));
  return out;
}

// The lowest losses after the last of the smallest size and before the first of the largest: beyond
// these a size that was not tried might be better still, so that those losses are no frontier.
fit::Points inner_lowest(const fit::Points& points) {
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  for (const fit::Point& p : points)
    smallest = std::min(smallest, p.params), largest = std::max(largest, p.params);
  fit::Points out;
  for (const int i : fit::points_on_envelope(points, flops_of_points(points),
                                             std::vector<double>(points.size(), 1))) {
    const fit::Point& p = points[static_cast<std::size_t>(i)];
    if (p.params == largest) break;
    if (p.params == smallest) out.clear();
    if (p.params > smallest) out.push_back(p);
  }
  return out;
}

std::optional<fit::LowerEnvelope> envelope_of(const fit::Points& points, std::uint64_t seed) {
  const fit::Points inner = inner_lowest(points);
  if (inner.size() < kFewestLowest) return std::nullopt;
  try {
    return fit::lower_envelope(inner, flops_of_points(inner), kEnvelopeDraws, seed);
  } catch (const std::invalid_argument&) {
    return std::nullopt;  // too few lowest losses
  }
}

// 1 - C / C_scratch at the loss that the continued frontier has at C.
std::optional<double> saved_between(const std::optional<fit::FlooredPowerLaw>& scratch,
                                    const std::optional<fit::FlooredPowerLaw>& continued,
                                    double flops) {
  if (!scratch || !continued) return std::nullopt;
  const double c = std::log(flops);
  const std::optional<double> equal = scratch->log_x_at(continued->log_at(c));
  return equal ? std::optional(1 - std::exp(c - *equal)) : std::nullopt;
}

std::vector<FrontierSaving> frontier_savings(const fit::Points& points,
                                             const fit::FitResult* both) {
  const auto scratch = envelope_of(fit::select_stage(points, fit::Stage::kScratch), kSeed);
  const auto continued = envelope_of(fit::select_stage(points, fit::Stage::kContinued), kSeed + 1);
  if (!scratch || !continued) return {};
  const double low = std::max(scratch->flops.low, continued->flops.low);
  const double high = std::min(scratch->flops.high, continued->flops.high);
  if (!(high > low)) return {};
  std::vector<FrontierSaving> out;
  for (int i = 0; i < kFrontierBudgets; ++i) {
    FrontierSaving row;
    row.flops = low * std::pow(high / low, static_cast<double>(i) / (kFrontierBudgets - 1));
    std::vector<std::optional<double>> draws;
    for (std::size_t draw = 0; draw < scratch->draws.size(); ++draw)
      draws.push_back(saved_between(scratch->draws[draw], continued->draws[draw], row.flops));
    row.measured =
        fit::summarise(saved_between(scratch->curve, continued->curve, row.flops), draws);
    // Optima lie off the runs.
    if (both && both->confounded.empty()) {
      const fit::BudgetSaving law = fit::saving_at(*both, row.flops, both->compute_model());
      row.law = law.saved_share;
      row.loss_difference = law.loss_difference;
    }
    out.push_back(row);
  }
  return out;
}

std::optional<fit::Range> span_of(const std::vector<FrontierSaving>& rows,
                                  fit::Estimate FrontierSaving::*which) {
  std::optional<fit::Range> out;
  for (const FrontierSaving& row : rows) {
    const std::optional<double>& value = (row.*which).value;
    if (!value) continue;
    if (!out) out = fit::Range{*value, *value};
    out = fit::Range{std::min(out->low, *value), std::max(out->high, *value)};
  }
  return out;
}

// "51 % [48, 53]"; below 0 "39 % [25, 56] more".
std::string percent(const fit::Estimate& share) {
  const double sign = *share.value < 0 ? -1 : 1;
  std::string out = fmt::format("{:.0f} %", 100 * sign * *share.value);
  if (share.ci95) {
    const double low = 100 * sign * share.ci95->low, high = 100 * sign * share.ci95->high;
    out += fmt::format(" [{:.0f}, {:.0f}]", std::min(low, high), std::max(low, high));
  }
  return sign < 0 ? out + " more" : out;
}

// At most so many of the budgets, evenly: the first and the last among them.
std::vector<const TransferBudget*> named_budgets(const std::vector<TransferBudget>& all) {
  std::vector<const TransferBudget*> out;
  const std::size_t most = std::min(kMostBudgets, all.size());
  for (std::size_t i = 0; i < most; ++i)
    out.push_back(&all[most == 1 ? 0 : i * (all.size() - 1) / (most - 1)]);
  return out;
}

std::string percent(const fit::Range& range) {
  if (range.high < 0) return percent(fit::Range{-range.high, -range.low}) + " more";
  const std::string low = fmt::format("{:.0f}", 100 * range.low);
  const std::string high = fmt::format("{:.0f}", 100 * range.high);
  return low == high ? low + " %" : fmt::format("{} to {} %", low, high);
}

}  // namespace

std::string name_of(Saving saving) {
  switch (saving) {
    case Saving::kSaves:
      return "saves";
    case Saving::kCosts:
      return "costs";
    case Saving::kCannotTell:
      break;
  }
  return "cannot tell";
}

TransferFindings transfer_findings(const Dataset& data, const fit::FitResult* both,
                                   const SizeFacts& sizes, int draws) {
  const fit::Points& points = data.data.points;
  TransferFindings out;
  out.noise = fit::loss_noise(points, both);
  const fit::EqualLoss measured = fit::measured_equal_loss(points, out.noise, draws, kSeed);
  std::optional<fit::EqualLoss> law;
  if (both) law = fit::law_equal_loss(points, *both);
  const fit::EqualLoss* by_law = law ? &*law : nullptr;
  out.rows = rows_of(data, measured, by_law, sizes);
  out.budgets = budgets_of(measured, by_law, sizes);
  out.measured_growth = fit::transfer_growth(measured);
  if (law) out.law_growth = fit::transfer_growth(*law);
  if (both) out.no_crossing = both->confounded;
  out.crossings = crossings_of(measured, both);
  out.frontier = frontier_savings(points, both);
  out.frontier_measured = span_of(out.frontier, &FrontierSaving::measured);
  out.frontier_law = span_of(out.frontier, &FrontierSaving::law);
  return out;
}

std::string describe(const TransferFindings& findings) {
  std::vector<std::string> parts;
  bool any_saved = false, any_open = false;
  for (const TransferBudget* budget : named_budgets(findings.budgets)) {
    const fit::Estimate& share = budget->law.value ? budget->law : budget->measured;
    if (!share.value) continue;
    any_saved = any_saved || *share.value >= 0;
    const bool open = budget->saving == Saving::kCannotTell;
    any_open = any_open || open;
    parts.push_back(fmt::format("{}{} at {:.3g}", percent(share), open ? " (?)" : "",
                                budget->tokens_per_param));
  }
  if (parts.empty()) return "No saving is known yet.";
  std::string out = fmt::format(
      "At equal size and loss continuing {} of the tokens, by budget: {} tokens a "
      "parameter",
      any_saved ? "saved a share" : "saved none", fmt::join(parts, ", "));
  if (findings.frontier_measured)
    out += fmt::format("; frontier against frontier, each at its best size: {} of the FLOPs",
                       percent(*findings.frontier_measured));
  if (findings.frontier_law)
    out += fmt::format("{} {} by the fitted laws", findings.frontier_measured ? "," : "; frontiers",
                       percent(*findings.frontier_law));
  out += ".";
  if (any_open)
    out += " (?): the intervals, or the losses and the laws, do not agree on which is better.";
  return out;
}

}  // namespace crosslaw::apps
