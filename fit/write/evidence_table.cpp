#include "fit/write/evidence_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "fit/laws/law_parts.h"
#include "fit/write/fit_json.h"
#include "fit/write/forecast_table.h"

namespace crosslaw::fit {
namespace {

using Json = nlohmann::ordered_json;

std::string rounded(double value) { return fmt::format("{:.6g}", value); }
std::string in_percent(double share) { return fmt::format("{:.3g}", 100 * share); }
std::string signed_percent(double share) { return fmt::format("{:+.3g}", 100 * share); }
std::string with_sign(double value) { return fmt::format("{:+.3g}", value); }

std::string ends(std::optional<double> low, std::optional<double> high) {
  const auto one = [](std::optional<double> value) {
    return value ? fmt::format("{:.5g}", *value) : std::string("open");
  };
  return fmt::format("[{}, {}]", one(low), one(high));
}

std::string ends(const std::optional<Range>& range) {
  return range ? ends(range->low, range->high) : "-";
}

std::string exact_or_empty(std::optional<double> value) {
  return value && std::isfinite(*value) ? exact(*value) : "";
}

// Where a point stands in its file; points of a sweep's folder stand in none.
Json line_or_null(const DataFile& data, int point) {
  const auto at = static_cast<std::size_t>(point);
  return at < data.lines.size() ? Json(data.lines[at]) : Json(nullptr);
}

void add_exact_ends(const std::optional<Range>& range, std::vector<std::string>& row) {
  row.push_back(range ? exact(range->low) : "");
  row.push_back(range ? exact(range->high) : "");
}

bool any_stage(const std::vector<Prediction>& predictions) {
  return std::any_of(predictions.begin(), predictions.end(),
                     [](const Prediction& each) { return !each.stage.empty(); });
}

}  // namespace

Table profile_table(const std::vector<Profile>& profiles) {
  Table out;
  out.header = {"profile", "value", "95%"};
  for (const Profile& each : profiles) {
    out.rows.push_back({each.name, rounded(each.value), ends(each.low, each.high)});
  }
  return out;
}

Table profile_csv(const std::vector<Profile>& profiles) {
  Table out;
  out.header = {"name", "value", "objective", "limit"};
  for (const Profile& each : profiles) {
    for (std::size_t k = 0; k < each.values.size(); ++k) {
      out.rows.push_back(
          {each.name, exact(each.values[k]), exact(each.objective[k]), exact(each.limit)});
    }
  }
  return out;
}

Json to_json(const std::vector<Profile>& profiles) {
  Json out = Json::array();
  for (const Profile& each : profiles) {
    out.push_back({{"name", each.name},
                   {"value", number_or_null(each.value)},
                   {"ci95", Json::array({number_or_null(each.low), number_or_null(each.high)})},
                   {"limit", number_or_null(each.limit)},
                   {"values", each.values},
                   {"objective", each.objective}});
  }
  return out;
}

Table prediction_table(const std::vector<Prediction>& predictions) {
  const bool stages = any_stage(predictions);
  Table out;
  out.header = {"N", "D", "loss", "95% of the law", "95% of one run", "6ND outside", "D/N outside"};
  if (stages) out.header.insert(out.header.begin(), "stage");
  const auto outside = [](double factor) {
    return factor == 1 ? std::string("-") : fmt::format("x{:.3g}", factor);
  };
  for (const Prediction& each : predictions) {
    std::vector<std::string> row = {short_count(each.run.params),
                                    short_count(each.run.tokens),
                                    each.loss.value ? rounded(*each.loss.value) : "-",
                                    ends(each.loss.ci95),
                                    ends(each.run_ci95),
                                    outside(each.flops_factor),
                                    outside(each.ratio_factor)};
    if (stages) row.insert(row.begin(), each.stage);
    out.rows.push_back(std::move(row));
  }
  return out;
}

Table prediction_csv(const std::vector<Prediction>& predictions) {
  Table out;
  out.header = {"stage",     "params",  "tokens",   "loss",         "loss_low",
                "loss_high", "run_low", "run_high", "flops_factor", "ratio_factor"};
  for (const Prediction& each : predictions) {
    std::vector<std::string> row = {each.stage, exact(each.run.params), exact(each.run.tokens),
                                    exact_or_empty(each.loss.value)};
    add_exact_ends(each.loss.ci95, row);
    add_exact_ends(each.run_ci95, row);
    row.push_back(exact(each.flops_factor));
    row.push_back(exact(each.ratio_factor));
    out.rows.push_back(std::move(row));
  }
  return out;
}

Json to_json(const std::vector<Prediction>& predictions) {
  Json out = Json::array();
  for (const Prediction& each : predictions) {
    Json one;
    if (!each.stage.empty()) one["stage"] = each.stage;
    one["params"] = each.run.params;
    one["tokens"] = each.run.tokens;
    one["loss"] = number_or_null(each.loss.value);
    one["loss_ci95"] = range_or_null(each.loss.ci95);
    one["run_ci95"] = range_or_null(each.run_ci95);
    one["flops_factor"] = each.flops_factor;
    one["ratio_factor"] = each.ratio_factor;
    one["warnings"] = each.warnings;
    out.push_back(std::move(one));
  }
  return out;
}

Table holdout_table(const Holdout& result) {
  Table out;
  out.header = {"law",    "p",     "objective", "fall %",      "error %",
                "bias %", "rms %", "worst %",   "behind best", "identifiable"};
  for (std::size_t k = 0; k < result.laws.size(); ++k) {
    const HeldOutLaw& each = result.laws[k];
    const auto& behind = each.behind_best;
    out.rows.push_back({each.law, fmt::format("{}", each.coefficients), rounded(each.objective),
                        in_percent(each.fall), in_percent(each.mean_error),
                        signed_percent(each.bias), in_percent(each.rms), signed_percent(each.worst),
                        behind ? fmt::format("[{}, {}] %", signed_percent(behind->low),
                                             signed_percent(behind->high))
                               : "best",
                        each.identifiable ? "yes" : "NO"});
  }
  if (result.forecast && result.forecast->score.runs > 0) {
    const ForecastScore& mean = result.forecast->score;
    out.rows.push_back({"forecast", "-", "-", "-", in_percent(mean.mean_error),
                        signed_percent(mean.bias), in_percent(mean.rms), signed_percent(mean.worst),
                        "-", "-"});
  }
  return out;
}

Table holdout_csv(const Holdout& result) {
  Table out;
  out.header = {
      "law",   "coefficients",    "objective",        "fall",         "mean_error", "bias", "rms",
      "worst", "behind_best_low", "behind_best_high", "identifiable", "supported"};
  for (std::size_t k = 0; k < result.laws.size(); ++k) {
    const HeldOutLaw& each = result.laws[k];
    std::vector<std::string> row = {each.law,
                                    fmt::format("{}", each.coefficients),
                                    exact(each.objective),
                                    exact(each.fall),
                                    exact(each.mean_error),
                                    exact(each.bias),
                                    exact(each.rms),
                                    exact(each.worst)};
    add_exact_ends(each.behind_best, row);
    row.emplace_back(each.identifiable ? "1" : "0");
    row.emplace_back(k == result.supported ? "1" : "0");
    out.rows.push_back(std::move(row));
  }
  if (result.forecast && result.forecast->score.runs > 0) {
    const ForecastScore& mean = result.forecast->score;
    out.rows.push_back({"forecast", "", "", "", exact(mean.mean_error), exact(mean.bias),
                        exact(mean.rms), exact(mean.worst), "", "", "", ""});
  }
  return out;
}

Json to_json(const Holdout& result, const DataFile& data) {
  Json splits = Json::array();
  for (const HoldoutSplit& split : result.plan.splits) {
    splits.push_back({{"train", split.train.size()}, {"test", split.test.size()}});
  }
  Json laws = Json::array();
  for (const HeldOutLaw& each : result.laws) {
    laws.push_back({{"law", each.law},
                    {"coefficients", each.coefficients},
                    {"objective", each.objective},
                    {"fall", number_or_null(each.fall)},
                    {"mean_error", number_or_null(each.mean_error)},
                    {"bias", number_or_null(each.bias)},
                    {"rms", number_or_null(each.rms)},
                    {"worst", number_or_null(each.worst)},
                    {"worst_line", line_or_null(data, each.worst_point)},
                    {"behind_best_ci95", range_or_null(each.behind_best)},
                    {"beaten", each.beaten},
                    {"identifiable", each.identifiable}});
  }
  Json skipped = Json::array();
  for (const SkippedLaw& each : result.skipped) {
    skipped.push_back({{"law", each.law}, {"reason", each.reason}});
  }
  Json forecast;
  if (result.forecast) {
    forecast = to_json(result.forecast->score);
    forecast["laws"] = result.forecast->laws;
    forecast["unknown"] = result.forecast->unknown;
    forecast["unknown_reason"] = result.forecast->reason;
    forecast["each"] = Json::array();
    for (std::size_t k = 0; k < result.forecast->runs.size(); ++k) {
      forecast["each"].push_back(to_json(result.forecast->runs[k]));
      forecast["each"].back()["line"] = line_or_null(data, result.forecast->points[k]);
    }
  }
  return {{"rule", result.plan.rule},
          {"forecast", std::move(forecast)},
          {"splits", std::move(splits)},
          {"test_points", result.test_points},
          {"test_runs", result.test_runs},
          {"laws", std::move(laws)},
          {"skipped", std::move(skipped)},
          {"best", result.laws[result.best].law},
          {"supported", result.laws[result.supported].law},
          {"verdict", result.verdict},
          {"notes", result.plan.notes}};
}

namespace {

bool is_exponent(const FitResult& fit, Eigen::Index i) {
  return fit.law->coefficients[static_cast<std::size_t>(i)].kind == Kind::kExponent;
}

// "alpha", or "log A": the coordinate whose change is meant.
std::string coordinate_name(const FitResult& fit, Eigen::Index i) {
  const std::string& name = fit.coefficients[static_cast<std::size_t>(i)].name;
  return is_exponent(fit, i) ? name : "log " + name;
}

// log(N*'/N*) as a change of N* in percent.
std::string change_of_params(std::optional<double> log_change) {
  if (!log_change) return "-";
  return std::isfinite(*log_change) ? signed_percent(std::expm1(*log_change)) : "no optimum";
}

}  // namespace

std::string run_name(const LeftOut& run, const DataFile& data) {
  if (run.cluster < 0) return fmt::format("line {}", line_or_null(data, run.first_point).dump());
  return data.clusters.at(static_cast<std::size_t>(run.cluster));
}

Table influence_table(const Influence& result, const FitResult& fit, const DataFile& data,
                      std::size_t most) {
  Table out;
  out.header = {"left out", "points"};
  std::vector<std::string> last = {"jackknife se", ""};
  for (std::size_t s = 0; s < result.strategies.size(); ++s) {
    if (!result.by_params) continue;
    out.header.push_back(labelled(result.strategies[s], "N* %"));
    const auto& se = result.log_params_se.at(s);
    last.push_back(se ? in_percent(*se) : "-");
  }
  for (Eigen::Index i = 0; i < fit.law->size(); ++i) {
    if (!is_exponent(fit, i)) continue;
    out.header.push_back(coordinate_name(fit, i));
    last.push_back(fmt::format("{:.3g}", result.theta_se[i]));
  }
  out.header.emplace_back("objective %");
  last.emplace_back("");
  for (std::size_t g = 0; g < std::min(most, result.runs.size()); ++g) {
    const LeftOut& run = result.runs[g];
    std::vector<std::string> row = {run_name(run, data), fmt::format("{}", run.points)};
    for (const auto& each : run.log_params) {
      if (result.by_params) row.push_back(change_of_params(each));
    }
    for (Eigen::Index i = 0; i < run.theta.size(); ++i) {
      if (is_exponent(fit, i)) row.push_back(with_sign(run.theta[i]));
    }
    row.push_back(signed_percent(run.objective / fit.objective));
    out.rows.push_back(std::move(row));
  }
  out.rows.push_back(std::move(last));
  return out;
}

Table influence_csv(const Influence& result, const FitResult& fit, const DataFile& data) {
  Table out;
  out.header = {"run", "line", "points"};
  for (const std::string& each : result.strategies) {
    out.header.push_back(labelled(each, "log_params"));
  }
  for (Eigen::Index i = 0; i < fit.law->size(); ++i) out.header.push_back(coordinate_name(fit, i));
  out.header.insert(out.header.end(), {"objective", "refitted"});
  for (const LeftOut& run : result.runs) {
    std::vector<std::string> row = {run_name(run, data), line_or_null(data, run.first_point).dump(),
                                    fmt::format("{}", run.points)};
    for (const auto& each : run.log_params) row.push_back(exact_or_empty(each));
    for (const double each : run.theta) row.push_back(exact(each));
    row.push_back(exact(run.objective));
    row.emplace_back(run.refitted ? "1" : "0");
    out.rows.push_back(std::move(row));
  }
  return out;
}

Json to_json(const Influence& result, const FitResult& fit, const DataFile& data) {
  Json errors = Json::object();
  for (std::size_t s = 0; s < result.log_params_se.size(); ++s) {
    errors[labelled(result.strategies[s], "log_params")] = number_or_null(result.log_params_se[s]);
  }
  for (Eigen::Index i = 0; i < result.theta_se.size(); ++i) {
    errors[coordinate_name(fit, i)] = number_or_null(result.theta_se[i]);
  }
  Json runs = Json::array();
  for (const LeftOut& run : result.runs) {
    Json one = {{"run", run_name(run, data)},
                {"line", line_or_null(data, run.first_point)},
                {"points", run.points}};
    for (std::size_t s = 0; s < run.log_params.size(); ++s) {
      one[labelled(result.strategies[s], "log_params")] = number_or_null(run.log_params[s]);
    }
    for (Eigen::Index i = 0; i < run.theta.size(); ++i) {
      one[coordinate_name(fit, i)] = number_or_null(run.theta[i]);
    }
    one["objective"] = run.objective;
    one["refitted"] = run.refitted;
    runs.push_back(std::move(one));
  }
  return {{"flops", result.flops},       {"jackknife_se", std::move(errors)},
          {"runs", std::move(runs)},     {"failed", result.failed},
          {"refitted", result.refitted}, {"step_error", number_or_null(result.step_error)}};
}

}  // namespace crosslaw::fit
