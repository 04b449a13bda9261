#pragma once

#include <string>
#include <vector>

#include "apps/study/forecast_record.h"

// Whether the runs that came are what the registered forecasts are of. N and D alone do not say.
namespace crosslaw::apps {

// Throws std::invalid_argument where a forecast is of a stage and the runs have none, or the other
// way round.
void require_same_stages(const RegisteredForecast& forecast, const std::vector<CameRuns>& came);

// Sentences: another convention of N or the loss than was registered, or rows of one run that are
// further apart than seeds. Throws std::invalid_argument where every run misses by what bits are to
// nats, unless the unit was said.
std::vector<std::string> doubts_about_score(const ScoredForecast& scored,
                                            const std::vector<CameRuns>& came);

}  // namespace crosslaw::apps
