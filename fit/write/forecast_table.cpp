#include "fit/write/forecast_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "fit/write/fit_json.h"

namespace crosslaw::fit {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string percent_of(double share) { return fmt::format("{:.3g}", 100 * share); }
std::string signed_percent_of(double share) { return fmt::format("{:+.3g}", 100 * share); }

std::string interval_text(const Range& range) {
  return fmt::format("[{:.5g}, {:.5g}]", range.low, range.high);
}

std::string level_name(std::size_t k) { return fmt::format("{:.0f}", 100 * kForecastLevels[k]); }

OrderedJson range_json(const Range& range) {
  return OrderedJson::array({number_or_null(range.low), number_or_null(range.high)});
}

bool has_stages(const std::vector<Forecast>& forecasts) {
  return std::any_of(forecasts.begin(), forecasts.end(),
                     [](const Forecast& each) { return !each.stage.empty(); });
}

}  // namespace

Table forecast_table(const std::vector<Forecast>& forecasts) {
  const bool stages = has_stages(forecasts);
  Table out;
  out.header = {"N", "D", "forecast", "95% of one run", "80% of one run", "laws differ %"};
  if (stages) out.header.insert(out.header.begin(), "stage");
  for (const Forecast& each : forecasts) {
    const bool known = each.loss.has_value();
    std::vector<std::string> row = {short_count(each.run.params),
                                    short_count(each.run.tokens),
                                    known ? fmt::format("{:.6g}", *each.loss) : "not known",
                                    known ? interval_text(each.intervals[2]) : "-",
                                    known ? interval_text(each.intervals[1]) : "-",
                                    known ? percent_of(each.law_spread) : "-"};
    if (stages) row.insert(row.begin(), each.stage);
    out.rows.push_back(std::move(row));
  }
  return out;
}

Table forecast_csv(const std::vector<Forecast>& forecasts) {
  Table out;
  out.header = {"stage", "params", "tokens", "forecast"};
  for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
    out.header.push_back("low" + level_name(k));
    out.header.push_back("high" + level_name(k));
  }
  out.header.insert(out.header.end(), {"law_spread", "flops_factor", "ratio_factor", "unknown"});
  for (const Forecast& each : forecasts) {
    const bool known = each.loss.has_value();
    std::vector<std::string> row = {each.stage, exact(each.run.params), exact(each.run.tokens),
                                    known ? exact(*each.loss) : ""};
    for (const Range& interval : each.intervals) {
      row.push_back(known ? exact(interval.low) : "");
      row.push_back(known ? exact(interval.high) : "");
    }
    row.push_back(known ? exact(each.law_spread) : "");
    row.push_back(exact(each.outside.flops_factor));
    row.push_back(exact(each.outside.ratio_factor));
    row.push_back(each.unknown);
    out.rows.push_back(std::move(row));
  }
  return out;
}

OrderedJson to_json(const std::vector<Forecast>& forecasts) {
  OrderedJson out = OrderedJson::array();
  for (const Forecast& each : forecasts) {
    const bool known = each.loss.has_value();
    OrderedJson one;
    if (!each.stage.empty()) one["stage"] = each.stage;
    one["params"] = each.run.params;
    one["tokens"] = each.run.tokens;
    one["loss"] = number_or_null(each.loss);
    for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
      one["ci" + level_name(k)] = known ? range_json(each.intervals[k]) : OrderedJson(nullptr);
    }
    one["law_spread"] = known ? OrderedJson(each.law_spread) : OrderedJson(nullptr);
    one["flops_factor"] = each.outside.flops_factor;
    one["ratio_factor"] = each.outside.ratio_factor;
    one["unknown"] = each.unknown.empty() ? OrderedJson(nullptr) : OrderedJson(each.unknown);
    one["warnings"] = each.outside.warnings;
    out.push_back(std::move(one));
  }
  return out;
}

Table with_forecasts(Table table, const std::vector<Prediction>& predictions,
                     const std::vector<Forecast>& forecasts) {
  // Tables for people say N: only CSV has a column of this name.
  const bool csv = std::count(table.header.begin(), table.header.end(), "params") > 0;
  if (csv) {
    table.header.insert(table.header.end(), {"forecast", "forecast_low", "forecast_high"});
  } else {
    table.header.insert(table.header.end(), {"forecast", "95% of it"});
  }
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Prediction& own = predictions[i];
    // By stage and run, for the two lists are of different fits.
    const auto found = std::find_if(forecasts.begin(), forecasts.end(), [&](const Forecast& each) {
      return each.stage == own.stage && each.run.params == own.run.params &&
             each.run.tokens == own.run.tokens;
    });
    const bool known = found != forecasts.end() && found->loss;
    if (csv) {
      table.rows[i].push_back(known ? exact(*found->loss) : "");
      table.rows[i].push_back(known ? exact(found->ci95().low) : "");
      table.rows[i].push_back(known ? exact(found->ci95().high) : "");
    } else {
      table.rows[i].push_back(known ? fmt::format("{:.6g}", *found->loss) : "-");
      table.rows[i].push_back(known ? interval_text(found->ci95()) : "-");
    }
  }
  return table;
}

std::string describe(const Forecaster& forecaster) {
  std::string out;
  // "forecast: " stands before the first line.
  const auto say = [&](const std::string& line) {
    out += wrapped(line, kPageColumns - 10, 2) + "\n";
  };
  for (const StageForecaster& each : forecaster.stages) {
    const std::string stage = each.stage.empty() ? "" : each.stage + ": ";
    if (!each.refused.empty()) {
      say(fmt::format("{}not known: {}", stage, each.refused));
      continue;
    }
    const std::string inner =
        each.inner.front().runs > 0
            ? fmt::format("{} runs held out within the data were missed by {:.2g} %",
                          each.inner.front().runs, 100 * each.inner.front().error)
            : "too few runs to hold any out";
    say(fmt::format("{}mean of {}, points weighted by C^{}; {}", stage, each.describe(),
                    kComputePower, inner));
    for (const SkippedLaw& law : each.left_out) {
      say(fmt::format("{}without {}: {}", stage, law.law, law.reason));
    }
  }
  return out;
}

OrderedJson to_json(const Forecaster& forecaster) {
  OrderedJson out = OrderedJson::array();
  for (const StageForecaster& each : forecaster.stages) {
    OrderedJson laws = OrderedJson::array();
    for (const ForecastLaw& law : each.laws) {
      OrderedJson coefficients;
      for (const Coefficient& one : law.fit.coefficients) {
        coefficients[one.name] = number_or_null(one.value);
      }
      laws.push_back({{"law", law.law},
                      {"weight", law.weight},
                      {"inner_error", number_or_null(law.inner_error)},
                      {"coefficients", std::move(coefficients)},
                      {"huber_delta", law.fit.huber_delta}});
    }
    OrderedJson left_out = OrderedJson::array();
    for (const SkippedLaw& law : each.left_out) {
      left_out.push_back({{"law", law.law}, {"reason", law.reason}});
    }
    OrderedJson one;
    if (!each.stage.empty()) one["stage"] = each.stage;
    one["refused"] = each.refused.empty() ? OrderedJson(nullptr) : OrderedJson(each.refused);
    one["laws"] = std::move(laws);
    one["left_out"] = std::move(left_out);
    one["compute_power"] = compute_power(each.points);
    one["inner_holdouts"] = OrderedJson::array();
    for (const InnerHoldout& inner : each.inner) {
      one["inner_holdouts"].push_back({{"axis", inner.axis->name},
                                       {"runs", inner.runs},
                                       {"error", inner.error},
                                       {"drift", inner.drift},
                                       {"distance", inner.distance},
                                       {"weights", inner.weights}});
    }
    out.push_back(std::move(one));
  }
  return out;
}

Table calibration_table(const ForecastScore& score) {
  Table out;
  out.header = {"intervals", "hold", "of", "share %", "chance allows %"};
  for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
    out.rows.push_back({level_name(k) + " %", fmt::format("{:.0f}", score.inside[k] * score.runs),
                        fmt::format("{}", score.runs), percent_of(score.inside[k]),
                        fmt::format("{} to {}", percent_of(score.by_chance[k].low),
                                    percent_of(score.by_chance[k].high))});
  }
  return out;
}

Table score_table(const std::vector<ScoredRun>& runs) {
  Table out;
  out.header = {"N", "D", "forecast", "came", "error %", "95% of one run", "inside"};
  for (const ScoredRun& each : runs) {
    const Range& interval = each.intervals.back();
    const bool held = interval.low <= each.observed && each.observed <= interval.high;
    out.rows.push_back({short_count(each.run.params), short_count(each.run.tokens),
                        fmt::format("{:.6g}", each.predicted), fmt::format("{:.6g}", each.observed),
                        signed_percent_of(std::expm1(each.log_error())), interval_text(interval),
                        held ? "yes" : "NO"});
  }
  return out;
}

Table score_csv(const std::vector<ScoredRun>& runs) {
  Table out;
  out.header = {"params", "tokens", "forecast", "observed", "error", "low95", "high95", "inside95"};
  for (const ScoredRun& each : runs) {
    const Range& interval = each.intervals.back();
    const bool held = interval.low <= each.observed && each.observed <= interval.high;
    out.rows.push_back({exact(each.run.params), exact(each.run.tokens), exact(each.predicted),
                        exact(each.observed), exact(std::expm1(each.log_error())),
                        exact(interval.low), exact(interval.high), held ? "1" : "0"});
  }
  return out;
}

OrderedJson to_json(const ScoredRun& run) {
  OrderedJson out = {{"params", run.run.params},
                     {"tokens", run.run.tokens},
                     {"forecast", run.predicted},
                     {"observed", run.observed},
                     {"error", std::expm1(run.log_error())}};
  for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
    out["ci" + level_name(k)] = range_json(run.intervals[k]);
  }
  const Range& interval = run.intervals.back();
  out["inside95"] = interval.low <= run.observed && run.observed <= interval.high;
  return out;
}

OrderedJson to_json(const ForecastScore& score) {
  OrderedJson levels = OrderedJson::array();
  for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
    levels.push_back({{"level", kForecastLevels[k]},
                      {"inside", score.inside[k]},
                      {"by_chance", range_json(score.by_chance[k])}});
  }
  return {{"runs", score.runs},          {"mean_error", score.mean_error},
          {"bias", score.bias},          {"worst", score.worst},
          {"levels", std::move(levels)}, {"mean_width95", score.mean_width}};
}

OrderedJson to_json(const ConformalFactor& factor) {
  return {{"runs", factor.runs}, {"levels", factor.level}, {"factors", factor.factor}};
}

}  // namespace crosslaw::fit
