#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fit/evidence/forecast.h"
#include "fit/evidence/forecast_score.h"
#include "fit/write/table.h"

// Forecasts and their scores as tables: for people rounded, for programs with numbers that read
// back exactly.
namespace crosslaw::fit {

Table forecast_table(const std::vector<Forecast>& forecasts);
Table forecast_csv(const std::vector<Forecast>& forecasts);
// [{"stage", "params", "tokens", "loss", "ci50", "ci80", "ci95", "law_spread", "flops_factor",
// "ratio_factor", "unknown", "warnings"}]; what is not known is null.
nlohmann::ordered_json to_json(const std::vector<Forecast>& forecasts);

// A table of predictions, for people or as CSV, with the forecasts of the same runs in columns of
// their own; empty where a stage is not forecast.
Table with_forecasts(Table table, const std::vector<Prediction>& predictions,
                     const std::vector<Forecast>& forecasts);

// What the forecasts are the mean of, one line a stage, with what was left out and why.
std::string describe(const Forecaster& forecaster);
// [{"stage", "laws": [{"law", "weight", "inner_error", ...}], "left_out",
// "inner_holdouts": [{"axis", "runs", "error", "drift", "distance", "weights"}]}]
nlohmann::ordered_json to_json(const Forecaster& forecaster);

// Calibration by level: what the intervals promise, what they held, what chance allows.
Table calibration_table(const ForecastScore& score);
Table score_table(const std::vector<ScoredRun>& runs);
// The same in full: error as a share, inside95 as 1 or 0.
Table score_csv(const std::vector<ScoredRun>& runs);
nlohmann::ordered_json to_json(const ForecastScore& score);
nlohmann::ordered_json to_json(const ScoredRun& run);
nlohmann::ordered_json to_json(const ConformalFactor& factor);

}  // namespace crosslaw::fit
