#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "apps/commands/commands.h"
#include "apps/commands/fit_evidence.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/given_fit.h"
#include "apps/commands/output_format.h"
#include "apps/commands/unread_columns.h"
#include "fit/evidence/forecast.h"
#include "fit/evidence/prediction.h"
#include "fit/write/convention.h"
#include "fit/write/evidence_table.h"
#include "fit/write/fit_json.h"
#include "fit/write/forecast_table.h"

namespace crosslaw::apps {
namespace {

constexpr int kRefits = 400;  // of each law of a forecast

struct PredictCommandOptions {
  GivenFitOptions given;
  fit::DataFileOptions data;      // instead of a fit, or beside it for the forecast
  std::vector<std::string> runs;  // each N:D
  std::uint64_t seed = 1;
  OutputOptions output;
};

// What to predict by, and what it says of the runs.
struct Answered {
  fit::FitResult fit;
  std::vector<fit::Prediction> predictions;
  std::optional<fit::Forecaster> forecaster;  // where there are data
  std::vector<fit::Forecast> forecasts;
};

Answered answer_runs(const PredictCommandOptions& options, const std::vector<fit::NewRun>& runs,
                     std::ostream& log) {
  const int given = !options.given.file.empty() + !options.given.coefficients.empty();
  const bool data = !options.data.path.empty();
  if (given > 1 || (given == 0 && !data)) {
    throw std::invalid_argument(
        "say what to predict by with exactly one of --fit FIT.json and --coefficients LIST, or "
        "with --data FILE, which may also stand beside one of them");
  }
  if (!data) require_file_for_flags(options.data);
  Answered out;
  if (!options.given.file.empty()) out.fit = fit::read_fit(options.given.file);
  if (!options.given.coefficients.empty()) out.fit = parse_coefficients(options.given.coefficients);
  refuse_columns_beside_size_and_tokens("the forecast of --data", options.data);
  fit::ForecastOptions forecast;
  forecast.fit.draws = kRefits;
  forecast.fit.seed = options.seed;
  fit::Points points;
  if (data && given == 0) {
    FittingOptions fitting;
    fitting.fit.seed = options.seed;
    SourcedFit made = fit_file(fitting, options.data, log);
    points = std::move(made.data.data.points);
    out.fit = std::move(made.fit);
    out.predictions = fit::predict(points, out.fit, runs, options.seed);
  } else {
    if (data) points = read_file(options.data, log).data.points;
    out.predictions = fit::predict(out.fit, runs, options.seed);
  }
  if (data) {
    out.forecaster = fit::make_forecaster(points, forecast);
    out.forecasts = fit::forecast(*out.forecaster, runs);
  }
  return out;
}

fit::Table csv_of(const Answered& answered) {
  const fit::FitResult& fit = answered.fit;
  fit::Table table = fit::prediction_csv(answered.predictions);
  if (answered.forecaster) {
    table = fit::with_forecasts(std::move(table), answered.predictions, answered.forecasts);
  }
  return fit::stacked(
      {"language", "fit", "law"},
      {{{"", "", law_name(fit)}, fit::with_convention(std::move(table), fit.convention)}});
}

int run_predict(const PredictCommandOptions& options, std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.output);
  std::vector<fit::NewRun> runs;
  for (const std::string& each : options.runs) runs.push_back(parse_run("predict", each));
  const Answered answered = answer_runs(options, runs, log);
  const fit::FitResult& fit = answered.fit;
  const std::vector<fit::Prediction>& predictions = answered.predictions;
  if (!format) {
    nlohmann::ordered_json all = {{"schema", 1},
                                  {"law", law_name(fit)},
                                  {"convention", fit::to_json(fit.convention)},
                                  {"predictions", fit::to_json(predictions)}};
    if (answered.forecaster) {
      all["forecaster"] = fit::to_json(*answered.forecaster);
      all["forecasts"] = fit::to_json(answered.forecasts);
    }
    out << fit::pretty(all);
  } else if (format == fit::TableFormat::kCsv) {
    out << fit::render(csv_of(answered), *format);
  } else {
    if (is_text(*format)) {
      out << fmt::format("{}: {}\n", law_name(fit), fit.law->formula)
          << fit::convention_note(fit.convention, *format) << "\n";
    } else {
      out << fit::convention_note(fit.convention, *format);
    }
    out << fit::render(fit::prediction_table(predictions), *format);
    if (answered.forecaster) {
      if (is_text(*format)) out << "\nforecast: " << fit::describe(*answered.forecaster);
      out << "\n" << fit::render(fit::forecast_table(answered.forecasts), *format);
    }
  }
  for (const fit::Prediction& each : predictions) {
    for (const std::string& sentence : each.warnings) {
      log << fmt::format("crosslaw predict: N = {}, D = {}: {}\n",
                         fit::short_count(each.run.params), fit::short_count(each.run.tokens),
                         sentence);
    }
  }
  if (fit.draws.rows() == 0)
    log << "crosslaw predict: no intervals: the fit carries no bootstrap draws\n";
  return 0;
}

}  // namespace

void add_predict_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "predict", "Losses of new runs by a fit that is there already, with intervals");
  auto options = std::make_shared<PredictCommandOptions>();
  command->add_option("runs", options->runs, "runs N:D, such as 7B:140B 70B:1.4T")
      ->required()
      ->type_name("N:D ...");
  add_given_fit_options(*command, options->given);
  add_file_options(*command, options->data);
  command->add_option("--seed", options->seed, "of the scatter of single runs")
      ->capture_default_str();
  add_table_options(*command, options->output);
  command->footer(
      "Columns: \"95% of the law\" is where such runs lie on average, \"95% of one run\" adds the\n"
      "scatter of single runs (normal, with the rms of the fit); \"outside\": how far C and D/N "
      "lie\n"
      "outside the fitted data. With --data the forecast as well, the mean of several laws.");
  command->callback(
      [options, &exit_code] { exit_code = run_predict(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
