#include "apps/study/forecast_record.h"

#include <fstream>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/write/fit_json.h"
#include "tests/apps/planted_sweep.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using crosslaw::tests::has_text;

namespace {

const std::vector<double> kLaw = {1.7, 400, 0.34, 410, 0.28};

double loss_at(double params, double tokens) {
  const fit::Law& law = fit::chinchilla_law();
  return fit::predicted_loss(law, fit::theta_from_values(law, kLaw), params, tokens);
}

ForecastQuestion question() {
  ForecastQuestion out;
  out.data.source = "runs.csv";
  int i = 0;
  for (const double params : {1e7, 3e7, 1e8, 3e8}) {
    for (const double ratio : {5.0, 20.0, 80.0}) {
      const double scatter = 1 + 0.002 * ((++i * 7) % 5 - 2);
      out.data.data.points.push_back(
          {params, ratio * params, loss_at(params, ratio * params) * scatter});
    }
  }
  out.runs = {{1e9, 2e10}, {1e9, 8e10}};
  return out;
}

fit::ForecastOptions few_draws() {
  fit::ForecastOptions out;
  out.fit.draws = 40;
  out.fit.starts = 4;
  return out;
}

void write_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("A registered forecast reads back, and any change of it is noticed") {
  const tests::TempFolder folder;
  const auto record = forecast_record({answer_forecast(question(), few_draws())}, {});
  const std::filesystem::path file = folder.path() / "forecast.json";
  const std::string text = fit::pretty(record);
  write_text(file, text);
  const RegisteredForecast back = read_forecast(file);
  REQUIRE(back.runs.size() == 2);
  CHECK(back.runs[0].run.params == 1e9);
  CHECK(*back.runs[0].loss == record.at("parts")[0].at("forecasts")[0].at("loss"));
  CHECK(back.trained.size() == 12);
  write_text(file, record.dump());  // other blanks are no other forecast
  CHECK(read_forecast(file).lock == back.lock);

  for (const char* change : {"loss", "time", "ci95", "version"}) {
    auto altered = record;
    auto& one = altered["parts"][0]["forecasts"][0];
    if (std::string(change) == "loss") one["loss"] = one["loss"].get<double>() + 1e-9;
    if (std::string(change) == "ci95") one["ci95"][1] = 9.0;
    if (std::string(change) == "time") altered["time"] = "2020-01-01T00:00:00Z";
    if (std::string(change) == "version") altered["version"] = "9";
    write_text(file, fit::pretty(altered));
    CHECK_THROWS_WITH(read_forecast(file), has_text("altered"));
  }
  write_text(file, "{\"kind\": \"crosslaw forecast\", \"schema\": 1}");
  CHECK_THROWS_AS(read_forecast(file), std::invalid_argument);
  write_text(file, "not JSON");
  CHECK_THROWS_WITH(read_forecast(file), has_text("is not what crosslaw forecast"));
}

TEST_CASE("Scores match runs by N and D, and refuse those that were in the data") {
  const tests::TempFolder folder;
  const std::filesystem::path file = folder.path() / "forecast.json";
  const ForecastQuestion asked = question();
  write_text(file, fit::pretty(forecast_record({answer_forecast(asked, few_draws())}, {})));
  const RegisteredForecast registered = read_forecast(file);
  // Its own data again with one of the two runs: 0.05 % more tokens than planned.
  CameRuns came{"", asked.data.data.points};
  came.points.push_back({1e9, 2.001e10, loss_at(1e9, 2e10)});
  const ScoredForecast scored = score_forecast(registered, {came});
  REQUIRE(scored.runs.size() == 1);
  CHECK(scored.missing == 1);
  CHECK(scored.runs[0].log_error() == Approx(0).margin(0.02));

  ForecastQuestion known = question();
  known.runs.push_back({1e8, 2e9});
  CHECK_THROWS_WITH(answer_forecast(known, few_draws()), has_text("among the points already"));
  // A forecast made elsewhere of a run that its data had.
  RegisteredForecast cheating = registered;
  RegisteredRun old = registered.runs[0];
  old.run = {1e8, 2e9};
  cheating.runs.push_back(old);
  CHECK_THROWS_WITH(score_forecast(cheating, {came}), has_text("was in the data"));
}

TEST_CASE("Past scores widen later forecasts by what was missed, and are not counted twice") {
  const tests::TempFolder folder;
  const std::filesystem::path file = folder.path() / "forecast.json";
  fit::ConformalFactor twice;
  twice.runs = 30;
  twice.factor = {2, 2, 2};
  const ForecastAnswer answer = answer_forecast(question(), few_draws());
  write_text(file, fit::pretty(forecast_record({answer}, twice)));
  const RegisteredForecast registered = read_forecast(file);
  CameRuns came{"", {}};
  came.points = {{1e9, 2e10, 2.9}, {1e9, 8e10, 2.6}};
  const std::filesystem::path scores = folder.path() / "score.json";
  write_text(scores, fit::pretty(score_record({score_forecast(registered, {came})})));
  const std::vector<fit::ScoredRun> past = past_runs(scores);
  REQUIRE(past.size() == 2);
  CHECK(past[0].intervals[2].high == Approx(answer.forecasts[0].intervals[2].high).epsilon(1e-12));
  CHECK(registered.runs[0].intervals[2].high > past[0].intervals[2].high);
  CHECK_THROWS_AS(past_runs(file), std::invalid_argument);
}

TEST_CASE("A finished sweep has no run to forecast") {
  const tests::TempFolder folder;
  const db::RunStore store = tests::planted_store(folder);
  const Observations observations(store, ParamsCount::kAll);
  for (const ForecastQuestion& each :
       tests::some(unfinished_runs(observations, PointChoice::kAuto, false))) {
    CHECK(each.runs.empty());
    CHECK_FALSE(each.data.data.points.empty());
  }
}
