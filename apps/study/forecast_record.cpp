#include "apps/study/forecast_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "apps/study/design_points.h"
#include "apps/study/utc_time.h"
#include "db/files/content_hash.h"
#include "db/files/read_file.h"
#include "fit/write/fit_json.h"
#include "fit/write/forecast_table.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

using RecordJson = nlohmann::ordered_json;

constexpr int kRecordSchema = 1;
constexpr const char* kForecastKind = "crosslaw forecast";
constexpr const char* kScoreKind = "crosslaw score";
constexpr double kSameRun = 1e-3;  // relative difference of N and of D

std::string stage_word(fit::Stage stage) {
  return stage == fit::Stage::kScratch ? "scratch" : "continued";
}

bool near(double a, double b) { return std::abs(a - b) <= kSameRun * std::max(a, b); }

bool has_run(const fit::Points& points, const fit::NewRun& run, std::optional<fit::Stage> stage) {
  return std::any_of(points.begin(), points.end(), [&](const fit::Point& each) {
    return near(each.params, run.params) && near(each.tokens, run.tokens) &&
           (!stage || each.stage == *stage);
  });
}

// A run without its loss, so that a record tells whether it was in the data and nothing else.
std::string run_hash(const std::string& label, const fit::Point& point) {
  return db::sha256(fmt::format("{}|{}|{:.9g}|{:.9g}", label, stage_word(point.stage), point.params,
                                point.tokens))
      .substr(0, 16);
}

std::string data_hash(const Dataset& data) {
  if (!data.text.empty()) return db::sha256(data.text);
  std::string text;
  for (const fit::Point& each : data.data.points) {
    text +=
        fmt::format("{} {} {} {}\n", each.params, each.tokens, each.loss, stage_word(each.stage));
  }
  return db::sha256(text);
}

// Of the record as it reads, whatever its blanks and line breaks.
std::string lock_of(RecordJson record) {
  record.erase("lock");
  return db::sha256(record.dump());
}

RecordJson read_record(const std::filesystem::path& file, const char* kind) {
  const auto text = db::read_file(file);
  if (!text) throw std::invalid_argument(fmt::format("{}: cannot be read", file.string()));
  RecordJson record = RecordJson::parse(*text, nullptr, false);
  if (!record.is_object() || record.value("kind", RecordJson(nullptr)) != RecordJson(kind)) {
    throw std::invalid_argument(fmt::format("{}: is not what {} writes", file.string(),
                                            std::string_view(kind) == kForecastKind
                                                ? "crosslaw forecast --out"
                                                : "crosslaw score --json"));
  }
  if (record.value("schema", RecordJson(0)) != RecordJson(kRecordSchema)) {
    throw std::invalid_argument(
        fmt::format("{}: is of schema {}, and this version reads {}", file.string(),
                    record.value("schema", RecordJson(0)).dump(), kRecordSchema));
  }
  return record;
}

fit::ForecastIntervals intervals_of(const RecordJson& record) {
  fit::ForecastIntervals out{};
  for (std::size_t k = 0; k < out.size(); ++k) {
    const RecordJson& ends = record.at(fmt::format("ci{:.0f}", 100 * fit::kForecastLevels[k]));
    out[k] = {ends.at(0).get<double>(), ends.at(1).get<double>()};
  }
  return out;
}

fit::ConformalFactor factor_of(const RecordJson& record) {
  fit::ConformalFactor out;
  out.runs = record.at("runs").get<int>();
  out.factor = record.at("factors").get<decltype(out.factor)>();
  out.level = record.at("levels").get<decltype(out.level)>();
  for (const double each : out.factor) {
    if (!(each >= 1)) throw std::invalid_argument("a factor of intervals is below 1");
  }
  return out;
}

}  // namespace

std::vector<ForecastQuestion> unfinished_runs(const Observations& observations, PointChoice choice,
                                              bool exact_flops) {
  std::vector<ForecastQuestion> out;
  for (const LanguagePair& pair : observations.pairs()) {
    ForecastQuestion question;
    question.label = pair.label();
    question.data = dataset_of_pair(observations, pair, choice, exact_flops);
    for (const db::RunResultRow& run : observations.runs()) {
      const bool scratch = run.strategy == pair.scratch;
      const bool continued =
          !pair.continued.empty() && run.strategy == pair.continued && run.replay == pair.replay;
      if ((!scratch && !continued) || db::is_final(run.outcome) ||
          run.outcome == db::Outcome::kCancelled) {
        continue;
      }
      const fit::NewRun next{params_of(run, observations.count()),
                             static_cast<double>(run.tokens_target)};
      const fit::Stage stage = continued ? fit::Stage::kContinued : fit::Stage::kScratch;
      if (has_run(question.data.data.points, next, stage)) continue;  // another seed of it is done
      question.runs.push_back(next);
      question.stages.push_back(stage);
    }
    out.push_back(std::move(question));
  }
  return out;
}

void ask_about_spec(const std::filesystem::path& spec, ForecastQuestion& question) {
  const std::string language = question.label.substr(0, question.label.find('+'));
  for (const fit::Point& each : points_of_spec(spec, language).points) {
    const fit::NewRun run{each.params, each.tokens};
    if (has_run(question.data.data.points, run, each.stage)) continue;
    question.runs.push_back(run);
    question.stages.push_back(each.stage);
  }
}

ForecastAnswer answer_forecast(ForecastQuestion question, const fit::ForecastOptions& options) {
  const fit::Points& points = question.data.data.points;
  for (std::size_t i = 0; i < question.runs.size(); ++i) {
    const fit::NewRun& run = question.runs[i];
    std::optional<fit::Stage> stage;
    if (!question.stages.empty()) stage = question.stages[i];
    if (!has_run(points, run, stage)) continue;
    throw std::invalid_argument(
        fmt::format("N = {}, D = {} is among the points already; a forecast is of runs that do not "
                    "exist yet: leave it out",
                    fit::short_count(run.params), fit::short_count(run.tokens)));
  }
  ForecastAnswer out;
  out.label = question.label;
  out.forecaster = fit::make_forecaster(points, options);
  for (std::size_t i = 0; i < question.runs.size(); ++i) {
    if (question.stages.empty()) {
      for (fit::Forecast& each : fit::forecast(out.forecaster, {question.runs[i]})) {
        out.forecasts.push_back(std::move(each));
      }
      continue;
    }
    const auto* by = fit::forecaster_at(out.forecaster, question.stages[i]);
    fit::Forecast own;
    if (by != nullptr) {
      own = fit::forecast_run(*by, question.runs[i], out.forecaster.seed);
    } else {
      own.run = question.runs[i];
      own.unknown = "no run of its stage is among the points";
    }
    own.stage = stage_word(question.stages[i]);
    out.forecasts.push_back(std::move(own));
  }
  out.data = std::move(question.data);
  return out;
}

RecordJson forecast_record(const std::vector<ForecastAnswer>& answers,
                           const fit::ConformalFactor& widened) {
  RecordJson parts = RecordJson::array();
  for (const ForecastAnswer& each : answers) {
    std::vector<fit::Forecast> forecasts = each.forecasts;
    for (fit::Forecast& one : forecasts) one = fit::widened(std::move(one), widened);
    std::set<std::string> trained;
    for (const fit::Point& point : each.data.data.points) {
      trained.insert(run_hash(each.label, point));
    }
    parts.push_back({{"label", each.label},
                     {"data",
                      {{"source", each.data.source},
                       {"sha256", data_hash(each.data)},
                       {"points", each.data.data.points.size()},
                       {"params", each.data.convention.params},
                       {"compute", each.data.convention.compute},
                       {"loss", each.data.convention.loss}}},
                     {"forecaster", fit::to_json(each.forecaster)},
                     {"forecasts", fit::to_json(forecasts)},
                     {"runs_in_data", trained}});
  }
  RecordJson out = {{"schema", kRecordSchema},          {"kind", kForecastKind},
                    {"version", CROSSLAW_VERSION},      {"time", utc_now()},
                    {"widened", fit::to_json(widened)}, {"parts", std::move(parts)}};
  out["lock"] = lock_of(out);
  return out;
}

RegisteredForecast read_forecast(const std::filesystem::path& file) {
  const RecordJson record = read_record(file, kForecastKind);
  RegisteredForecast out;
  out.path = file.string();
  try {
    out.lock = record.at("lock").get<std::string>();
    if (out.lock != lock_of(record)) {
      throw std::invalid_argument(
          "was altered after it was registered: its content does not have the hash that locks it");
    }
    out.time = record.at("time").get<std::string>();
    out.version = record.at("version").get<std::string>();
    out.widened = factor_of(record.at("widened"));
    for (const RecordJson& part : record.at("parts")) {
      const RecordJson& data = part.at("data");
      out.conventions[part.at("label").get<std::string>()] = {data.value("params", std::string()),
                                                              data.value("compute", std::string()),
                                                              data.value("loss", std::string())};
      for (const RecordJson& each : part.at("forecasts")) {
        RegisteredRun run;
        run.label = part.at("label").get<std::string>();
        run.stage = each.value("stage", std::string());
        run.run = {each.at("params").get<double>(), each.at("tokens").get<double>()};
        if (!each.at("loss").is_null()) {
          run.loss = each.at("loss").get<double>();
          run.intervals = intervals_of(each);
        }
        out.runs.push_back(std::move(run));
      }
      for (const RecordJson& each : part.at("runs_in_data")) {
        out.trained.insert(each.get<std::string>());
      }
    }
  } catch (const RecordJson::exception& error) {
    throw std::invalid_argument(fmt::format("{}: {}", out.path, error.what()));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", out.path, error.what()));
  }
  return out;
}

ScoredForecast score_forecast(const RegisteredForecast& forecast,
                              const std::vector<CameRuns>& came) {
  ScoredForecast out;
  out.forecast = forecast;
  for (const RegisteredRun& run : forecast.runs) {
    bool found = false;
    for (const CameRuns& each : came) {
      if (each.label != run.label) continue;
      for (const fit::Point& point : each.points) {
        const bool same_stage = run.stage.empty() || run.stage == stage_word(point.stage);
        if (!near(point.params, run.run.params) || !near(point.tokens, run.run.tokens) ||
            !same_stage) {
          continue;
        }
        if (forecast.trained.contains(run_hash(each.label, point))) {
          throw std::invalid_argument(fmt::format(
              "{}: the run N = {}, D = {} was in the data that the forecast was made from",
              forecast.path, fit::short_count(point.params), fit::short_count(point.tokens)));
        }
        found = true;
        if (!run.loss) {
          ++out.unknown;
        } else {
          out.runs.push_back({run.run, *run.loss, run.intervals, point.loss});
        }
      }
    }
    out.missing += found ? 0 : 1;
  }
  return out;
}

RecordJson score_record(const std::vector<ScoredForecast>& scored) {
  RecordJson forecasts = RecordJson::array(), runs = RecordJson::array();
  std::vector<fit::ScoredRun> all;
  for (const ScoredForecast& each : scored) {
    forecasts.push_back({{"file", each.forecast.path},
                         {"time", each.forecast.time},
                         {"version", each.forecast.version},
                         {"lock", each.forecast.lock},
                         {"missing", each.missing},
                         {"unknown", each.unknown},
                         {"doubts", each.doubts},
                         {"score", fit::to_json(fit::score(each.runs))}});
    for (const fit::ScoredRun& run : each.runs) {
      runs.push_back(fit::to_json(run));
      runs.back()["file"] = each.forecast.path;
      runs.back()["widened"] = each.forecast.widened.factor;
      all.push_back(run);
    }
  }
  return {{"schema", kRecordSchema},
          {"kind", kScoreKind},
          {"forecasts", std::move(forecasts)},
          {"runs", std::move(runs)},
          {"score", fit::to_json(fit::score(all))},
          {"conformal", fit::to_json(fit::conformal_factor(all))}};
}

std::vector<fit::ScoredRun> past_runs(const std::filesystem::path& file) {
  const RecordJson record = read_record(file, kScoreKind);
  std::vector<fit::ScoredRun> out;
  try {
    for (const RecordJson& each : record.at("runs")) {
      fit::ScoredRun run;
      run.run = {each.at("params").get<double>(), each.at("tokens").get<double>()};
      run.predicted = each.at("forecast").get<double>();
      run.observed = each.at("observed").get<double>();
      // What a past widening added is no part of what the laws themselves missed.
      fit::ConformalFactor narrower;
      const auto factors = each.at("widened").get<decltype(narrower.factor)>();
      for (std::size_t k = 0; k < factors.size(); ++k) narrower.factor[k] = 1 / factors[k];
      run.intervals = fit::widened(intervals_of(each), run.predicted, narrower);
      if (!(run.predicted > 0) || !(run.observed > 0)) {
        throw std::invalid_argument("a loss is not above 0");
      }
      out.push_back(run);
    }
  } catch (const RecordJson::exception& error) {
    throw std::invalid_argument(fmt::format("{}: {}", file.string(), error.what()));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", file.string(), error.what()));
  }
  return out;
}

}  // namespace crosslaw::apps
