#include "apps/study/measured_savings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace crosslaw::apps {
namespace {

// Budgets within this ratio are one.
constexpr double kSameBudget = 1.2;

struct Curve {
  std::vector<double> log_tokens, log_loss;
};

// Log tokens at which the curve reaches a loss; beyond its ends along the nearest segment. Nothing
// when that segment does not fall.
std::optional<double> log_tokens_at(const Curve& curve, double log_loss, bool* extrapolated) {
  size_t n = curve.log_tokens.size();
  if (n < 2) return std::nullopt;
  size_t segment = n - 2;
  for (size_t i = 0; i + 1 < n; ++i) {
    if (log_loss >= curve.log_loss[i + 1]) {
      segment = i;
      break;
    }
  }
  *extrapolated = log_loss > curve.log_loss[0] || log_loss < curve.log_loss[n - 1];
  double fall = curve.log_loss[segment] - curve.log_loss[segment + 1];
  if (!(fall > 0)) return std::nullopt;
  double share = (curve.log_loss[segment] - log_loss) / fall;
  return curve.log_tokens[segment] +
         share * (curve.log_tokens[segment + 1] - curve.log_tokens[segment]);
}

}  // namespace

std::vector<MeasuredSaving> measured_savings(const Observations& observations,
                                             const LanguagePair& pair) {
  std::vector<MeasuredSaving> savings;
  if (pair.continued.empty()) return savings;
  const bool all = observations.resolve(pair, PointChoice::kAuto) == PointChoice::kAll;
  std::map<std::pair<std::string, int64_t>, Curve> curves;
  auto scratch = observations.of_strategy(pair.scratch, 0);
  std::stable_sort(scratch.begin(), scratch.end(),
                   [](const Measurement& a, const Measurement& b) { return a.tokens < b.tokens; });
  for (const Measurement& m : scratch) {
    if (!m.end && !all) continue;
    Curve& curve = curves[{m.run->size, m.run->seed}];
    curve.log_tokens.push_back(std::log(static_cast<double>(m.tokens)));
    curve.log_loss.push_back(std::log(m.loss));
  }
  for (const Measurement& m : observations.of_strategy(pair.continued, pair.replay)) {
    auto curve = curves.find({m.run->size, m.run->seed});
    if ((!m.end && !all) || curve == curves.end()) continue;
    MeasuredSaving saving;
    saving.size = m.run->size;
    saving.params = m.params;
    saving.tokens = static_cast<double>(m.tokens);
    saving.tokens_per_param = saving.tokens / m.params;
    saving.flops = m.target_flops;
    saving.loss = m.loss;
    auto log_tokens = log_tokens_at(curve->second, std::log(m.loss), &saving.extrapolated);
    if (!log_tokens) continue;
    saving.scratch_tokens = std::exp(*log_tokens);
    saving.scratch_flops = saving.flops * saving.scratch_tokens / saving.tokens;
    saving.saved_share = 1 - saving.tokens / saving.scratch_tokens;
    saving.transferred_tokens = saving.scratch_tokens - saving.tokens;
    savings.push_back(saving);
  }
  return savings;
}

std::vector<BudgetSummary> summarise(const std::vector<MeasuredSaving>& savings) {
  std::vector<MeasuredSaving> sorted = savings;
  auto ratio = [](const MeasuredSaving& s) { return s.tokens_per_param; };
  std::sort(sorted.begin(), sorted.end(),
            [&](const MeasuredSaving& a, const MeasuredSaving& b) { return ratio(a) < ratio(b); });
  std::vector<BudgetSummary> summary;
  double ratios = 0;
  for (const MeasuredSaving& s : sorted) {
    if (summary.empty() ||
        ratio(s) > kSameBudget * ratios / static_cast<double>(summary.back().sizes)) {
      summary.push_back({0, 0, s.saved_share, s.saved_share, 0, 0});
      ratios = 0;
    }
    BudgetSummary& b = summary.back();
    ratios += ratio(s);
    b.mean_share = (b.mean_share * static_cast<double>(b.sizes) + s.saved_share) /
                   static_cast<double>(b.sizes + 1);
    b.low_share = std::min(b.low_share, s.saved_share);
    b.high_share = std::max(b.high_share, s.saved_share);
    b.extrapolated += s.extrapolated;
    b.tokens_per_param = ratios / static_cast<double>(++b.sizes);
  }
  return summary;
}

std::string headline(const LanguagePair& pair, const std::vector<BudgetSummary>& summary,
                     LanguageNames names) {
  if (names.source.empty()) names.source = pair.source_language;
  if (names.target.empty()) names.target = pair.language;
  if (pair.continued.empty()) return fmt::format("{} from scratch", names.target);
  if (summary.empty())
    return fmt::format("Continuing from {}: no saving can be measured yet.", names.source);
  std::vector<std::string> parts;
  int64_t extrapolated = 0, total = 0;
  bool helped = std::any_of(summary.begin(), summary.end(),
                            [](const BudgetSummary& b) { return b.mean_share > 0; });
  for (const BudgetSummary& b : summary) {
    std::string share = helped ? fmt::format("{:.0f} %", 100 * b.mean_share)
                               : fmt::format("{:.0f} % more", -100 * b.mean_share);
    parts.push_back(fmt::format("{} at {:.3g}", share, b.tokens_per_param));
    extrapolated += b.extrapolated, total += b.sizes;
  }
  std::string text =
      helped ? fmt::format("Continuing from {} saved {} tokens at equal loss: ", names.source,
                           names.target)
             : fmt::format(
                   "Continuing from {} did not help {}; for the same loss it took more tokens: ",
                   names.source, names.target);
  text += fmt::format(
      "{} tokens per parameter (means over {} sizes; {} of {} values extrapolated; the "
      "training of the {} model is not counted).",
      fmt::join(parts, ", "), summary.front().sizes, extrapolated, total, names.source);
  return text;
}

}  // namespace crosslaw::apps
