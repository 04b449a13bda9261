#include "apps/study/measured_savings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace crosslaw::apps {
namespace {

constexpr int kSavingDraws = 1000;

}  // namespace

std::vector<MeasuredSaving> measured_savings(const Observations& observations,
                                             const LanguagePair& pair,
                                             const fit::LossScatter& noise) {
  std::vector<MeasuredSaving> savings;
  if (pair.continued.empty()) return savings;
  const fit::EqualLoss equal = fit::measured_equal_loss(
      observations.points(pair, PointChoice::kAuto), noise, kSavingDraws, 1);
  // In the order of the continued points.
  const std::vector<Measurement> continued = observations.fitted(pair, pair.continued, pair.replay);
  for (std::size_t i = 0; i < continued.size(); ++i) {
    if (!equal.tokens[i]) continue;
    const Measurement& m = continued[i];
    const fit::Estimate share = fit::saved_share(equal, i);
    const fit::Estimate transferred = fit::transferred_tokens(equal, i);
    MeasuredSaving saving;
    saving.size = m.run->size;
    saving.params = m.params;
    saving.tokens = static_cast<double>(m.tokens);
    saving.tokens_per_param = saving.tokens / m.params;
    saving.flops = m.target_flops;
    saving.loss = m.loss;
    saving.scratch_tokens = *equal.tokens[i];
    saving.scratch_flops = saving.flops * saving.scratch_tokens / saving.tokens;
    saving.saved_share = *share.value;
    saving.saved_ci95 = share.ci95;
    saving.transferred_tokens = *transferred.value;
    saving.transferred_ci95 = transferred.ci95;
    saving.extrapolated = equal.extrapolated[i];
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
        ratio(s) > kOneBudgetRatio * ratios / static_cast<double>(summary.back().sizes)) {
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
