#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>

#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/data_source.h"
#include "apps/commands/fit_evidence.h"
#include "apps/commands/output_format.h"
#include "apps/commands/unread_columns.h"
#include "apps/study/forecast_record.h"
#include "apps/study/sweep_folder.h"
#include "db/files/atomic_file.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"
#include "fit/write/forecast_table.h"

namespace crosslaw::apps {
namespace {

constexpr const char* kMeanOfLaws = "mean of laws";

struct ForecastCommandOptions {
  DataSourceOptions source;
  std::vector<std::string> runs;  // each N:D
  std::string spec;
  fit::ForecastOptions forecast;
  std::vector<std::string> calibrate;  // outputs of crosslaw score --json
  std::string out;                     // the file that registers the forecasts
  OutputOptions output;
};

void check_forecast_options(const ForecastCommandOptions& options) {
  check_data_source(options.source);
  refuse_columns_beside_size_and_tokens("a forecast", options.source.file);
  if (!options.runs.empty() && !options.spec.empty()) {
    throw std::invalid_argument("name the runs by --runs or by --spec, not by both");
  }
  if (options.source.directory.empty() && options.runs.empty() && options.spec.empty()) {
    throw std::invalid_argument(
        "say which runs to forecast: --runs N:D,... or --spec SPEC; of a sweep's folder those "
        "that are not finished are taken");
  }
  if (options.out.empty()) return;
  if (std::filesystem::exists(options.out)) {
    throw std::invalid_argument(fmt::format(
        "--out {}: is there already; a registered forecast is never overwritten", options.out));
  }
}

std::vector<ForecastQuestion> questions_to_forecast(const ForecastCommandOptions& options,
                                                    std::ostream& log) {
  std::vector<ForecastQuestion> out;
  if (options.source.directory.empty()) {
    out.push_back({"", read_file(options.source.file, log), {}, {}});
  } else {
    const db::RunStore store = read_store(options.source.directory);
    const Observations observations(store, find_params_count(options.source.count));
    out = unfinished_runs(observations, find_point_choice(options.source.points),
                          options.source.exact_flops);
  }
  for (ForecastQuestion& each : out) {
    if (options.runs.empty() && options.spec.empty()) continue;
    each.runs.clear();
    each.stages.clear();
    for (const std::string& text : options.runs) each.runs.push_back(parse_run("--runs", text));
    if (!options.spec.empty()) ask_about_spec(options.spec, each);
  }
  return out;
}

fit::ConformalFactor widening_of(const ForecastCommandOptions& options) {
  std::vector<fit::ScoredRun> past;
  for (const std::string& file : options.calibrate) {
    const std::vector<fit::ScoredRun> runs = past_runs(file);
    past.insert(past.end(), runs.begin(), runs.end());
  }
  if (!options.calibrate.empty() && past.empty()) {
    throw std::invalid_argument("--calibrate: no run of these forecasts has come yet");
  }
  return fit::conformal_factor(past);
}

std::string about_widening(const fit::ConformalFactor& by) {
  std::string out = fmt::format(
      "intervals widened by what {} past runs missed: 50 % x{:.3g}, 80 % x{:.3g}, 95 % x{:.3g}\n",
      by.runs, by.factor[0], by.factor[1], by.factor[2]);
  if (by.level.back() < fit::kForecastLevels.back()) {
    out += fmt::format("{} runs stand for {:.3g} % at most; 95 % needs 19 or more\n", by.runs,
                       100 * by.level.back());
  }
  return out;
}

void print_forecasts(const std::vector<ForecastAnswer>& answers, fit::TableFormat format,
                     std::ostream& out) {
  std::vector<fit::TablePart> parts;
  for (const ForecastAnswer& each : answers) {
    if (is_text(format)) {
      out << describe(each.data) << fit::convention_note(each.data.convention, format)
          << fit::describe(each.forecaster) << "\n"
          << fit::render(fit::forecast_table(each.forecasts), format) << "\n";
    }
    if (format == fit::TableFormat::kCsv) {
      parts.push_back(
          {{each.label, "", kMeanOfLaws},
           fit::with_convention(fit::forecast_csv(each.forecasts), each.data.convention)});
    } else {
      parts.push_back({{each.label}, fit::forecast_table(each.forecasts)});
    }
  }
  if (is_text(format)) return;
  const bool csv = format == fit::TableFormat::kCsv;
  out << fit::convention_note(answers.front().data.convention, format)
      << fit::render(csv ? fit::stacked({"language", "fit", "law"}, parts)
                         : fit::stacked({"language"}, parts),
                     format);
}

int run_forecast(const ForecastCommandOptions& options, std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.output);
  check_forecast_options(options);
  for (const std::string& each : options.runs) parse_run("--runs", each);
  const fit::ConformalFactor widened = widening_of(options);
  std::vector<ForecastAnswer> answers;
  for (ForecastQuestion& each : questions_to_forecast(options, log)) {
    if (each.runs.empty()) {
      log << fmt::format("crosslaw forecast: {}: every run is there already\n", each.data.source);
      continue;
    }
    const std::string source = each.data.source;
    answers.push_back(
        about_file(source, {}, [&] { return answer_forecast(std::move(each), options.forecast); }));
  }
  if (answers.empty()) return 1;
  const nlohmann::ordered_json record = forecast_record(answers, widened);
  bool any = false;
  for (ForecastAnswer& answer : answers) {
    for (fit::Forecast& each : answer.forecasts) {
      each = fit::widened(std::move(each), widened);
      const std::string run = fmt::format("N = {}, D = {}", fit::short_count(each.run.params),
                                          fit::short_count(each.run.tokens));
      any |= each.loss.has_value();
      if (!each.loss)
        log << fmt::format("crosslaw forecast: {}: not known: {}\n", run, each.unknown);
      for (const std::string& sentence : each.outside.warnings) {
        log << fmt::format("crosslaw forecast: {}: {}\n", run, sentence);
      }
    }
  }
  if (widened.runs > 0) log << "crosslaw forecast: " << about_widening(widened);
  if (!format) {
    out << fit::pretty(record);
  } else {
    print_forecasts(answers, *format, out);
  }
  if (!any) {
    log << "crosslaw forecast: no run could be forecast, and nothing is registered; more runs, of "
           "other sizes and tokens, tell more\n";
    return 1;
  }
  if (!options.out.empty()) {
    db::publish_file(options.out, fit::pretty(record));
    log << fmt::format(
        "crosslaw forecast: registered in {}; its hash is {}: show it to others, "
        "and the forecast cannot be changed afterwards\n",
        options.out, record.at("lock").get<std::string>());
  }
  return 0;
}

}  // namespace

void add_forecast_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "forecast", "Register the losses of runs that do not exist yet: the mean of several laws");
  auto options = std::make_shared<ForecastCommandOptions>();
  command->add_option("dir", options->source.directory,
                      "a sweep's folder: its runs that are not finished; or a file, as --data");
  command->option_defaults()->group("Which runs");
  add_word_list(*command, "--runs", options->runs, "new runs, such as 7B:140B,70B:1.4T")
      ->type_name("N:D,...");
  command->add_option("--spec", options->spec, "the runs that this spec plans and the data lack")
      ->type_name("SPEC");
  add_file_options(*command, options->source.file);
  add_sweep_options(*command, options->source);
  command->option_defaults()->group("How to forecast");
  add_word_list(*command, "--laws", options->forecast.laws,
                "laws to take the mean of [chinchilla, extended, outer; of continued runs also "
                "two-stage and joint]")
      ->type_name("LAW,...");
  fit::FitOptions& fit = options->forecast.fit;
  fit.draws = 400;
  read_as_number(command->add_option("--bootstrap", fit.draws, "refits of each law"))
      ->capture_default_str();
  read_as_number(command->add_option("--starts", fit.starts, "start points of each search"))
      ->capture_default_str();
  command->add_option("--seed", fit.seed, "of starts, resamples and scatter")
      ->capture_default_str();
  command->add_option("--threads", fit.threads, "0: one a core; changes no result")
      ->capture_default_str();
  command
      ->add_option("--calibrate", options->calibrate,
                   "widen the intervals by what past forecasts missed: outputs of score --json")
      ->type_name("SCORE.json ...");
  command->add_option("--out", options->out, "register the forecasts in this new file (JSON)")
      ->type_name("FORECAST.json");
  add_table_options(*command, options->output);
  command->footer(
      "Columns: forecast is the mean of the laws, 95% and 80% hold one new run of 100 but 5 and "
      "20;\n\"laws differ\" is the standard deviation among the laws.\n\nExamples:\n"
      "  crosslaw forecast --data runs.csv --runs 7B:140B --out forecast.json\n"
      "  crosslaw forecast sweeps/demo --out forecast.json; crosslaw score forecast.json "
      "sweeps/demo");
  command->callback([options, &exit_code] {
    take_positional_file(options->source);
    exit_code = run_forecast(*options, std::cout, std::cerr);
  });
}

}  // namespace crosslaw::apps
