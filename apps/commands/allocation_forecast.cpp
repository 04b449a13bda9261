#include "apps/commands/allocation_forecast.h"

#include <fmt/format.h>

#include <algorithm>

#include "fit/laws/law_columns.h"
#include "fit/write/forecast_table.h"

namespace crosslaw::apps {
namespace {

constexpr int kAllocationDraws = 200;  // of each law

}  // namespace

AllocationForecast forecast_allocation(const fit::AllocationReport& report, const fit::Law& law,
                                       const fit::Points& points, const fit::FitOptions& fit) {
  AllocationForecast out;
  if (points.empty() || fit.draws < fit::kFewestDraws) return out;
  // The laws of a forecast know N and D alone: beside such a law they would answer for a mean over
  // all mixtures or repeats.
  if (!fit::read_beside_size_and_tokens(law).empty()) return out;
  fit::ForecastOptions options{fit, {}};
  options.fit.draws = std::min(fit.draws, kAllocationDraws);
  const fit::Forecaster forecaster = fit::make_forecaster(points, options);
  bool known = false;
  for (const fit::Allocation& strategy : report.strategies) {
    const fit::Stage stage =
        strategy.strategy == "continued" ? fit::Stage::kContinued : fit::Stage::kScratch;
    const fit::StageForecaster* by = forecaster.stages.size() > 1
                                         ? fit::forecaster_at(forecaster, stage)
                                         : &forecaster.stages.front();
    for (const fit::AllocationRow& row : strategy.rows) {
      fit::Forecast one;
      if (by != nullptr && row.params.value && row.tokens.value) {
        one = fit::forecast_run(*by, {*row.params.value, *row.tokens.value}, forecaster.seed);
      }
      one.stage = strategy.strategy;
      known = known || one.loss.has_value();
      out.rows.push_back(std::move(one));
    }
  }
  if (!known) return {};
  out.laws = fit::describe(forecaster);
  return out;
}

void add_forecast(const AllocationForecast& forecast, nlohmann::ordered_json& report) {
  if (forecast.rows.empty()) return;
  const nlohmann::ordered_json all = fit::to_json(forecast.rows);
  nlohmann::ordered_json& rows = report.at("rows");
  for (std::size_t i = 0; i < rows.size() && i < all.size(); ++i) rows[i]["forecast"] = all[i];
}

fit::Table forecast_rows(const AllocationForecast& forecast, const fit::AllocationReport& report) {
  const bool several = report.strategies.size() > 1;
  fit::Table out;
  out.header = {"C (FLOPs)", "N*", "D*", "loss by the law", "forecast", "95% of one run"};
  if (several) out.header.insert(out.header.begin() + 1, "strategy");
  std::size_t i = 0;
  for (const fit::Allocation& strategy : report.strategies) {
    for (const fit::AllocationRow& row : strategy.rows) {
      const fit::Forecast& each = forecast.rows.at(i++);
      const bool known = each.loss.has_value();
      std::vector<std::string> cells = {
          fmt::format("{:.4g}", row.flops),
          fit::short_count(each.run.params),
          fit::short_count(each.run.tokens),
          row.loss.value ? fmt::format("{:.4f}", *row.loss.value) : "-",
          known ? fmt::format("{:.4f}", *each.loss) : "not known",
          known ? fmt::format("[{:.4f}, {:.4f}]", each.ci95().low, each.ci95().high) : "-"};
      if (several) cells.insert(cells.begin() + 1, strategy.strategy);
      out.rows.push_back(std::move(cells));
    }
  }
  return out;
}

fit::Table with_forecast(fit::Table csv, const AllocationForecast& forecast) {
  if (forecast.rows.empty()) return csv;
  csv.header.insert(csv.header.end(), {"forecast", "forecast_low", "forecast_high"});
  for (std::size_t i = 0; i < csv.rows.size(); ++i) {
    const bool known = i < forecast.rows.size() && forecast.rows[i].loss;
    csv.rows[i].push_back(known ? fit::exact(*forecast.rows[i].loss) : "");
    csv.rows[i].push_back(known ? fit::exact(forecast.rows[i].ci95().low) : "");
    csv.rows[i].push_back(known ? fit::exact(forecast.rows[i].ci95().high) : "");
  }
  return csv;
}

}  // namespace crosslaw::apps
