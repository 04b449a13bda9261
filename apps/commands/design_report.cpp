#include "apps/commands/design_report.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "fit/solve/distributions.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

// A cell; "-" for what is unknown.
std::string cell(const std::optional<double>& value, std::string (*format)(double)) {
  return value ? format(*value) : "-";
}

// Half the interval as a share of the truth.
std::string half_width(const fit::Outlook& each) {
  if (!each.expected || !each.truth || *each.truth == 0) return "-";
  const double half = 0.5 * (each.expected->high - each.expected->low);
  return fmt::format("{:.3g}%", 100 * half / std::abs(*each.truth));
}

std::string name_of(const fit::Outlook& each) {
  return each.flops ? fmt::format("{}({:.3g})", each.name, *each.flops) : each.name;
}

}  // namespace

std::string describe_error(const fit::NextRuns& next, double error) {
  if (!std::isfinite(error)) return "unknown";
  if (next.relative) return fmt::format("x/: {:.4g}", std::exp(fit::kNormal975 * error));
  return fmt::format("+- {:.3g}", fit::kNormal975 * error);
}

std::string describe_interval(const fit::Range& interval) {
  return fmt::format("[{}, {}]", fit::short_number(interval.low), fit::short_number(interval.high));
}

fit::Table outlook_table(const fit::Simulation& simulation) {
  fit::Table out;
  out.header = {"", "truth", "expected 95%", "half width", "bias", "sd", "covers"};
  for (const fit::Outlook& each : simulation.outlooks) {
    out.rows.push_back({name_of(each), cell(each.truth, fit::short_number),
                        each.expected ? describe_interval(*each.expected) : "-", half_width(each),
                        cell(each.bias, fit::short_number), cell(each.deviation, fit::short_number),
                        cell(each.coverage, percent)});
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
    rows.push_back({{"name", each.name},
                    {"flops", fit::number_or_null(each.flops)},
                    {"truth", fit::number_or_null(each.truth)},
                    {"estimates", each.estimates},
                    {"intervals", each.intervals},
                    {"bias", fit::number_or_null(each.bias)},
                    {"sd", fit::number_or_null(each.deviation)},
                    {"expected_ci95", fit::range_or_null(each.expected)},
                    {"coverage", fit::number_or_null(each.coverage)},
                    {"excludes_zero", fit::number_or_null(each.sign_share)}});
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
