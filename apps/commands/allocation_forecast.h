#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fit/allocate/allocation_report.h"
#include "fit/data/points.h"
#include "fit/evidence/forecast.h"
#include "fit/solve/fit_options.h"
#include "fit/write/table.h"

namespace crosslaw::apps {

// The forecast of the loss at every split of a report, strategy by strategy: the mean of several
// laws beside the loss of the one that the splits go by. Empty where `fit` asks for no draws, where
// there are no points, where no law can forecast, or where `law`, which the splits go by, reads
// more of a run than N and D.
struct AllocationForecast {
  std::vector<fit::Forecast> rows;
  std::string laws;  // in words
};
AllocationForecast forecast_allocation(const fit::AllocationReport& report, const fit::Law& law,
                                       const fit::Points& points, const fit::FitOptions& fit);

// Puts "forecast": {...} into every row of the report's JSON; nothing where there is no forecast.
void add_forecast(const AllocationForecast& forecast, nlohmann::ordered_json& report);

// C, the law's loss and the forecast with its interval.
fit::Table forecast_rows(const AllocationForecast& forecast, const fit::AllocationReport& report);

// The CSV of the report with columns forecast, forecast_low, forecast_high.
fit::Table with_forecast(fit::Table csv, const AllocationForecast& forecast);

}  // namespace crosslaw::apps
