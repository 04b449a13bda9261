#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "apps/study/dataset.h"
#include "fit/evidence/forecast.h"
#include "fit/evidence/forecast_score.h"

// Forecasts that are registered before the runs exist, and what became of them.
namespace crosslaw::apps {

// Points of one kind, and the runs that they do not have yet.
struct ForecastQuestion {
  std::string label;  // the language pair of a sweep; empty: of a file
  Dataset data;
  std::vector<fit::NewRun> runs;
  std::vector<fit::Stage> stages;  // of the runs, one each; empty: of every stage that there is
};

// Runs of a sweep that have no result yet, at the end of their schedule, by language pair; those at
// sizes and tokens that the points have already are left out.
std::vector<ForecastQuestion> unfinished_runs(const Observations& observations, PointChoice choice,
                                              bool exact_flops);

// The runs that a spec plans and the points of the question do not have.
void ask_about_spec(const std::filesystem::path& spec, ForecastQuestion& question);

struct ForecastAnswer {
  std::string label;
  Dataset data;
  fit::Forecaster forecaster;
  std::vector<fit::Forecast> forecasts;
};

// Throws std::invalid_argument where a run that was named is among the points: it exists.
ForecastAnswer answer_forecast(ForecastQuestion question, const fit::ForecastOptions& options);

// The registered record: schema, version, time, data with their SHA-256, laws, forecasts, the runs
// that were in the data (as hashes), and "lock", the SHA-256 of all the rest. Intervals are those
// of the answers times `widened`.
nlohmann::ordered_json forecast_record(const std::vector<ForecastAnswer>& answers,
                                       const fit::ConformalFactor& widened);

struct RegisteredRun {
  std::string label, stage;
  fit::NewRun run;
  std::optional<double> loss;  // absent: it was not known
  fit::ForecastIntervals intervals{};
};

struct RegisteredForecast {
  std::string path, time, version, lock;
  fit::ConformalFactor widened;
  std::vector<RegisteredRun> runs;
  std::set<std::string> trained;                       // hashes of the runs in the data
  std::map<std::string, fit::Convention> conventions;  // of the data, by label
};

// Throws std::invalid_argument for a file that is no forecast, of a newer schema, or altered since
// it was written.
RegisteredForecast read_forecast(const std::filesystem::path& file);

// Runs that came, one kind of points after the other.
struct CameRuns {
  std::string label;
  fit::Points points;
  fit::Convention convention = {};
  bool stage_known = true;      // false: of a file without a column of stages
  bool loss_unit_said = false;  // by a flag
};

struct ScoredForecast {
  RegisteredForecast forecast;
  std::vector<fit::ScoredRun> runs;
  int missing = 0;                  // forecast runs that are not among those that came
  int unknown = 0;                  // runs that came and for which the forecast was "not known"
  std::vector<std::string> doubts;  // whether these are the runs meant (score_doubts.h)
};

// Every run that came within 0.1 % of the N and D of a forecast one, of its stage and label. Throws
// std::invalid_argument where such a run was in the data of the forecast.
ScoredForecast score_forecast(const RegisteredForecast& forecast,
                              const std::vector<CameRuns>& came);

// {"schema", "kind", "forecasts": [...], "runs": [...], "score", "conformal"}
nlohmann::ordered_json score_record(const std::vector<ScoredForecast>& scored);

// The runs of a score record, their intervals as they were before any widening. Throws
// std::invalid_argument.
std::vector<fit::ScoredRun> past_runs(const std::filesystem::path& file);

}  // namespace crosslaw::apps
