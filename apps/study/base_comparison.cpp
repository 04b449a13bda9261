#include "apps/study/base_comparison.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <tuple>

#include "fit/allocate/equal_loss.h"
#include "fit/evidence/profile_walk.h"
#include "fit/solve/fitter.h"

namespace crosslaw::apps {
namespace {

using BaseJson = nlohmann::ordered_json;
constexpr std::size_t kFewestPairs = 3;  // behind an interval
constexpr double kFewestDegrees = 5;     // of freedom, of a scatter
constexpr int kBaseStarts = 16;

// "continued-fr" of "continued-fr@5".
std::string without_base(const LanguagePair& pair) {
  return pair.continued.substr(0, pair.continued.rfind('@'));
}

// Size, tokens, seed: what two runs must share to be compared.
using RunPlace = std::tuple<double, std::int64_t, std::int64_t>;
using LossAt = std::map<RunPlace, double>;

// With Student's interval.
fit::Estimate estimate_of(double value, double se, double freedom) {
  const double half = fit::student_quantile95(static_cast<int>(freedom)) * se;
  return {value, se, fit::Range{value - half, value + half}, 0};
}

fit::Estimate mean_with_interval(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  if (values.size() < kFewestPairs) return {mean, {}, {}, 0};
  return estimate_of(mean, std::sqrt(squares / (n - 1) / n), n - 1);
}

// Losses of equal size, tokens and seed.
struct PairedLosses {
  std::vector<double> differences;  // nats
  fit::Points ratios;               // loss over that after the longest base, at N and D
  double squares = 0;               // sum of the latter's
};

// The mean of these very runs: that their differences depend on N and D widens nothing, so what the
// ratios scatter around a smooth surface is the noise. Where that leaves too few degrees of
// freedom, all that they scatter.
fit::Estimate mean_difference(const PairedLosses& pairs) {
  const fit::Estimate plain = mean_with_interval(pairs.differences);
  const fit::SurfaceScatter scatter = fit::surface_scatter(pairs.ratios);
  if (!plain.value || scatter.freedom < kFewestDegrees) return plain;
  const double noise = std::sqrt(scatter.squares / scatter.freedom);  // of the log of a ratio
  const auto count = static_cast<double>(pairs.differences.size());
  return estimate_of(*plain.value, noise * std::sqrt(pairs.squares) / count, scatter.freedom);
}

BaseRow row_of(double base, const LossAt& losses, const LossAt* longest) {
  BaseRow row;
  row.base_tokens_per_param = base;
  row.runs = losses.size();
  PairedLosses pairs;
  for (const auto& [place, loss] : losses) {
    row.mean_loss += loss / static_cast<double>(losses.size());
    if (!longest) continue;
    const auto same = longest->find(place);
    if (same == longest->end()) continue;
    const auto& [params, tokens, seed] = place;
    pairs.differences.push_back(loss - same->second);
    pairs.ratios.push_back({params, static_cast<double>(tokens), loss / same->second});
    pairs.squares += same->second * same->second;
  }
  row.loss_difference = mean_difference(pairs);
  return row;
}

void fit_base_law(const fit::Points& points, int draws, BaseComparison& out) {
  fit::FitOptions options;
  options.law = "base-budget";
  options.starts = kBaseStarts;
  options.draws = draws;
  try {
    const fit::FitResult found = fit::fit_law(points, options);
    const fit::Coefficient& delta = found.coefficient("delta");
    out.delta = {delta.value, delta.se, delta.ci95, 0};
    out.rms = found.certificate.rms_log_residual;
  } catch (const std::invalid_argument&) {
    return;  // too few runs: the differences are all there is
  }
}

BaseComparison comparison_of(const Observations& observations,
                             const std::vector<const LanguagePair*>& pairs, int draws) {
  const LanguagePair& first = *pairs.front();
  BaseComparison out{
      without_base(first), first.language, first.source_language, first.replay, {}, {}, 0};
  std::map<double, LossAt> by_base;
  fit::Points points;
  for (const LanguagePair* pair : pairs) {
    for (const Measurement& m : observations.fitted(*pair, pair->continued, pair->replay)) {
      fit::Point p{m.params, static_cast<double>(m.tokens), m.loss};
      p.base_tokens = observations.source_model_tokens(*m.run).value_or(0);
      if (p.base_tokens > 0) points.push_back(p);
      if (m.end) by_base[*pair->base][{m.params, m.tokens, m.run->seed}] = m.loss;
    }
  }
  for (const auto& [base, losses] : by_base) {
    const bool longest = base == by_base.rbegin()->first;
    out.rows.push_back(row_of(base, losses, longest ? nullptr : &by_base.rbegin()->second));
  }
  fit_base_law(points, draws, out);
  return out;
}

}  // namespace

std::vector<BaseComparison> base_comparisons(const Observations& observations, int draws) {
  std::map<std::tuple<std::string, std::string, double>, std::vector<const LanguagePair*>> groups;
  for (const LanguagePair& pair : observations.pairs()) {
    if (pair.base) groups[{pair.language, without_base(pair), pair.replay}].push_back(&pair);
  }
  std::vector<BaseComparison> out;
  for (const auto& [name, pairs] : groups) {
    if (pairs.size() < 2) continue;
    BaseComparison made = comparison_of(observations, pairs, draws);
    if (made.rows.size() >= 2) out.push_back(std::move(made));
  }
  return out;
}

std::string describe(const BaseComparison& comparison) {
  std::vector<std::string> parts;
  bool longer_better = false, shorter_better = false;
  for (const BaseRow& row : comparison.rows) {
    const fit::Estimate& d = row.loss_difference;
    if (!d.value) continue;
    parts.push_back(
        fmt::format("{:+.4f}{} at {:g}", *d.value,
                    d.ci95 ? fmt::format(" [{:+.4f}, {:+.4f}]", d.ci95->low, d.ci95->high) : "",
                    row.base_tokens_per_param));
    longer_better = longer_better || (d.ci95 && d.ci95->low > 0);
    shorter_better = shorter_better || (d.ci95 && d.ci95->high < 0);
  }
  if (parts.empty()) return "";
  std::string out = fmt::format(
      "{}{}: against the source model of {:g} tokens a parameter the loss ends, in nats, {} tokens "
      "a parameter",
      comparison.language,
      comparison.replay > 0 ? fmt::format(" with {:g} % of replay", 100 * comparison.replay) : "",
      comparison.rows.back().base_tokens_per_param, fmt::join(parts, ", "));
  if (comparison.delta.value) {
    out += fmt::format("; exponent of D1 {:+.4f}", *comparison.delta.value);
    if (comparison.delta.ci95)
      out += fmt::format(" [{:+.4f}, {:+.4f}]", comparison.delta.ci95->low,
                         comparison.delta.ci95->high);
  }
  return out + (longer_better == shorter_better ? ": these runs cannot tell which is best."
                : longer_better                 ? ": the longer the source was trained, the better."
                                                : ": a shorter trained source was better.");
}

BaseJson to_json(const std::vector<BaseComparison>& comparisons) {
  const auto put = [](BaseJson& row, const std::string& name, const fit::Estimate& e) {
    row[name] = e.value ? BaseJson(*e.value) : BaseJson(nullptr);
    row[name + "_ci95"] = e.ci95 ? BaseJson::array({e.ci95->low, e.ci95->high}) : BaseJson(nullptr);
  };
  BaseJson out = BaseJson::array();
  for (const BaseComparison& each : comparisons) {
    BaseJson one = {{"strategy", each.strategy},
                    {"language", each.language},
                    {"source_language", each.source_language},
                    {"replay", each.replay},
                    {"sentence", describe(each)},
                    {"rms", each.rms},
                    {"rows", BaseJson::array()}};
    put(one, "delta", each.delta);
    for (const BaseRow& row : each.rows) {
      BaseJson made = {{"base_tokens_per_param", row.base_tokens_per_param},
                       {"runs", row.runs},
                       {"mean_loss", row.mean_loss}};
      put(made, "loss_difference", row.loss_difference);
      one["rows"].push_back(std::move(made));
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace crosslaw::apps
