#include "apps/design_report.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "fit/fit_json.h"

namespace crosslaw::apps {
namespace {

constexpr double kTwoSided95 = 1.959963984540054;

std::string number(double value) {
  const double size = std::abs(value);
  return size >= 1e4 && size < 1e15 ? fit::short_count(value) : fmt::format("{:.4g}", value);
}

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

// Half the interval as a share of the truth.
std::string half_width(const fit::Outlook& each) {
  if (!each.truth || *each.truth == 0) return "-";
  const double half = 0.5 * (each.median_high - each.median_low);
  return fmt::format("{:.3g}%", 100 * half / std::abs(*each.truth));
}

}  // namespace

std::string describe_error(const fit::NextRuns& next, double error) {
  if (!std::isfinite(error)) return "unknown";
  if (next.relative) return fmt::format("x/: {:.4g}", std::exp(kTwoSided95 * error));
  return fmt::format("+- {:.3g}", kTwoSided95 * error);
}

fit::Table outlook_table(const fit::Simulation& simulation) {
  fit::Table out;
  out.header = {"", "truth", "expected 95%", "half width", "bias", "sd", "covers"};
  for (const fit::Outlook& each : simulation.outlooks) {
    const bool intervals = each.intervals > 0;
    out.rows.push_back(
        {each.name, each.truth ? number(*each.truth) : "-",
         intervals ? fmt::format("[{}, {}]", number(each.median_low), number(each.median_high))
                   : "-",
         intervals ? half_width(each) : "-", each.truth ? number(each.bias) : "-",
         number(each.deviation), intervals && each.truth ? percent(each.coverage) : "-"});
  }
  return out;
}

fit::Table next_runs_table(const fit::NextRuns& next) {
  fit::Table out;
  out.header = {"run", "N", "D", "D/N", "FLOPs", "95% after"};
  const bool named = !next.runs.empty() && !next.runs.front().run.name.empty();
  if (named) out.header.insert(out.header.begin() + 1, "size");
  for (std::size_t i = 0; i < next.runs.size(); ++i) {
    const fit::CandidateRun& run = next.runs[i].run;
    std::vector<std::string> row = {
        fmt::format("{}", i + 1),         fit::short_count(run.params),
        fit::short_count(run.tokens),     fmt::format("{:.4g}", run.tokens / run.params),
        fmt::format("{:.3g}", run.flops), describe_error(next, next.runs[i].se_after)};
    if (run.stage == fit::Stage::kContinued) row[0] += " continued";
    if (named) row.insert(row.begin() + 1, run.name);
    out.rows.push_back(std::move(row));
  }
  return out;
}

nlohmann::ordered_json to_json(const fit::Simulation& simulation) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const fit::Outlook& each : simulation.outlooks) {
    const bool intervals = each.intervals > 0;
    const auto if_intervals = [&](double value) {
      return fit::number_or_null(intervals ? std::optional(value) : std::nullopt);
    };
    const auto if_truth = [&](double value) {
      return fit::number_or_null(each.truth ? std::optional(value) : std::nullopt);
    };
    nlohmann::ordered_json row = {{"name", each.name}, {"truth", fit::number_or_null(each.truth)}};
    row["estimates"] = each.estimates;
    row["intervals"] = each.intervals;
    row["bias"] = if_truth(each.bias);
    row["sd"] = fit::number_or_null(each.deviation);
    row["expected_ci95"] = fit::range_or_null(
        intervals ? std::optional(fit::Range{each.median_low, each.median_high}) : std::nullopt);
    row["coverage"] = if_intervals(each.truth ? each.coverage : std::nan(""));
    row["excludes_zero"] = each.sign_share;
    rows.push_back(std::move(row));
  }
  return {{"sweeps", simulation.sweeps},
          {"unidentified", simulation.unidentified},
          {"failed", simulation.failed},
          {"outlooks", std::move(rows)}};
}

nlohmann::ordered_json to_json(const fit::NextRuns& next) {
  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  for (const fit::NextRun& each : next.runs) {
    runs.push_back(
        {{"size", each.run.name},
         {"strategy", each.run.stage == fit::Stage::kContinued ? "continued" : "scratch"},
         {"params", each.run.params},
         {"tokens", each.run.tokens},
         {"flops", each.run.flops},
         {"se_after", fit::number_or_null(each.se_after)}});
  }
  return {{"target", next.target},
          {"value", fit::number_or_null(next.value)},
          {"log", next.relative},
          {"noise", next.noise},
          {"se_now", fit::number_or_null(next.se_now)},
          {"se_after", fit::number_or_null(next.se_after)},
          {"spent_flops", next.spent_flops},
          {"runs", std::move(runs)}};
}

}  // namespace crosslaw::apps
