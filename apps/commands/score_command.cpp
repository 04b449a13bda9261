#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>

#include "apps/commands/commands.h"
#include "apps/commands/data_source.h"
#include "apps/commands/output_format.h"
#include "apps/commands/unread_columns.h"
#include "apps/study/forecast_record.h"
#include "apps/study/score_doubts.h"
#include "apps/study/sweep_folder.h"
#include "fit/write/fit_json.h"
#include "fit/write/forecast_table.h"

namespace crosslaw::apps {
namespace {

struct ScoreCommandOptions {
  std::vector<std::string> forecasts;  // and perhaps a sweep's folder among them
  DataSourceOptions source;
  OutputOptions output;
};

// Forecasts and the folder that they are compared with stand in one list of arguments.
void take_folder(ScoreCommandOptions& options) {
  std::error_code ignored;
  const auto is_folder = [&](const std::string& each) {
    return std::filesystem::is_directory(each, ignored);
  };
  const auto folder = std::find_if(options.forecasts.begin(), options.forecasts.end(), is_folder);
  if (folder != options.forecasts.end()) {
    options.source.directory = *folder;
    options.forecasts.erase(folder);
  }
  if (options.forecasts.empty()) {
    throw std::invalid_argument("name the forecasts: files that crosslaw forecast --out wrote");
  }
  if (std::any_of(options.forecasts.begin(), options.forecasts.end(), is_folder)) {
    throw std::invalid_argument("one sweep's folder at a time");
  }
}

std::vector<CameRuns> runs_that_came(const DataSourceOptions& source, std::ostream& log) {
  if (source.directory.empty()) {
    Dataset data = read_file(source.file, log);
    return {{"", std::move(data.data.points), data.convention, !data.data.used.stage.empty(),
             !source.file.loss_unit.empty()}};
  }
  std::vector<CameRuns> out;
  const db::RunStore store = read_store(source.directory);
  const Observations observations(store, find_params_count(source.count));
  for (const LanguagePair& pair : observations.pairs()) {
    out.push_back({pair.label(),
                   observations.points(pair, find_point_choice(source.points), source.exact_flops),
                   convention_of(observations, source.exact_flops)});
  }
  return out;
}

std::string summary_of(const fit::ForecastScore& score) {
  return fmt::format(
      "{} runs: mean error {:.3g} %, bias {:+.3g} %, worst {:+.3g} %; 95 % intervals hold {:.0f} "
      "and are {:.3g} % wide on average\n",
      score.runs, 100 * score.mean_error, 100 * score.bias, 100 * score.worst,
      score.inside.back() * score.runs, 100 * score.mean_width);
}

void print_scores(const std::vector<ScoredForecast>& scored, fit::TableFormat format,
                  std::ostream& out) {
  std::vector<fit::ScoredRun> all;
  std::vector<fit::TablePart> parts;
  for (const ScoredForecast& each : scored) {
    all.insert(all.end(), each.runs.begin(), each.runs.end());
    parts.push_back({{each.forecast.path},
                     format == fit::TableFormat::kCsv ? fit::score_csv(each.runs)
                                                      : fit::score_table(each.runs)});
    if (!is_text(format)) continue;
    out << fmt::format("{}, registered {} by crosslaw {}, unaltered ({})\n\n", each.forecast.path,
                       each.forecast.time, each.forecast.version, each.forecast.lock.substr(0, 16));
    out << fit::render(fit::score_table(each.runs), format) << "\n";
    if (each.missing > 0) {
      out << fmt::format("{} forecast runs are not among the data yet\n", each.missing);
    }
    if (each.unknown > 0) {
      out << fmt::format("{} runs came of which the forecast was \"not known\"\n", each.unknown);
    }
  }
  if (!is_text(format)) {
    out << fit::render(fit::stacked({"file"}, parts), format);
    return;
  }
  const fit::ForecastScore score = fit::score(all);
  out << summary_of(score) << "\n" << fit::render(fit::calibration_table(score), format);
}

int run_score(ScoreCommandOptions options, std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.output);
  take_folder(options);
  check_data_source(options.source);
  refuse_columns_beside_size_and_tokens("a score", options.source.file);
  std::vector<RegisteredForecast> forecasts;
  for (const std::string& file : options.forecasts) forecasts.push_back(read_forecast(file));
  const std::vector<CameRuns> came = runs_that_came(options.source, log);
  std::vector<ScoredForecast> scored;
  std::size_t runs = 0;
  for (const RegisteredForecast& each : forecasts) {
    require_same_stages(each, came);
    scored.push_back(score_forecast(each, came));
    scored.back().doubts = doubts_about_score(scored.back(), came);
    for (const std::string& doubt : scored.back().doubts) {
      log << fmt::format("crosslaw score: {}: {}\n", each.path, doubt);
    }
    runs += scored.back().runs.size();
  }
  if (runs == 0) {
    log << "crosslaw score: none of the forecast runs is among the data (N and D must agree to 0.1 "
           "%), or none was known\n";
    return 1;
  }
  if (format) {
    print_scores(scored, *format, out);
  } else {
    out << fit::pretty(score_record(scored));
  }
  return 0;
}

}  // namespace

void add_score_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "score", "Compare registered forecasts with the runs that came: errors and calibration");
  auto options = std::make_shared<ScoreCommandOptions>();
  command
      ->add_option("forecasts", options->forecasts,
                   "files of crosslaw forecast --out; and a sweep's folder, unless --data")
      ->required()
      ->type_name("FORECAST.json ... [DIR]");
  add_file_options(*command, options->source.file);
  add_sweep_options(*command, options->source);
  add_table_options(*command, options->output);
  command->footer(
      "A forecast is refused when its file was altered, or when a run was in its data. \"chance "
      "allows\"\nis where the share lies in 95 of 100 such scores when the intervals are right and "
      "the runs\nindependent; runs forecast by one fit miss together.");
  command->callback(
      [options, &exit_code] { exit_code = run_score(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
