#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "apps/commands/commands.h"
#include "apps/commands/fit_evidence.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/given_fit.h"
#include "apps/commands/output_format.h"
#include "fit/evidence/prediction.h"
#include "fit/write/evidence_table.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

struct PredictCommandOptions {
  GivenFitOptions given;
  std::vector<std::string> runs;  // each N:D
  std::uint64_t seed = 1;
  OutputOptions output;
};

fit::FitResult fit_of(const GivenFitOptions& given) {
  if (given.file.empty() == given.coefficients.empty()) {
    throw std::invalid_argument(
        "say what to predict by with exactly one of --fit FIT.json and --coefficients LIST");
  }
  return given.file.empty() ? parse_coefficients(given.coefficients) : fit::read_fit(given.file);
}

fit::Table csv_of(const fit::FitResult& fit, const std::vector<fit::Prediction>& predictions) {
  return fit::stacked(
      {"language", "fit", "law", "params_convention", "compute_convention", "loss_convention"},
      {{{"", "", law_name(fit), fit.convention.params, fit.convention.compute, fit.convention.loss},
        fit::prediction_csv(predictions)}});
}

int run_predict(const PredictCommandOptions& options, std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.output);
  std::vector<fit::NewRun> runs;
  for (const std::string& each : options.runs) runs.push_back(parse_run("predict", each));
  const fit::FitResult fit = fit_of(options.given);
  const std::vector<fit::Prediction> predictions = fit::predict(fit, runs, options.seed);
  if (!format) {
    out << fit::pretty({{"schema", 1},
                        {"law", law_name(fit)},
                        {"convention",
                         {{"params", fit.convention.params},
                          {"compute", fit.convention.compute},
                          {"loss", fit.convention.loss}}},
                        {"predictions", fit::to_json(predictions)}});
  } else if (format == fit::TableFormat::kCsv) {
    out << fit::render(csv_of(fit, predictions), *format);
  } else {
    if (is_text(*format)) {
      out << fmt::format("{}: {}\nN: {}; loss: {}\n\n", law_name(fit), fit.law->formula,
                         fit.convention.params.empty() ? "as in the fit" : fit.convention.params,
                         fit.convention.loss.empty() ? "as in the fit" : fit.convention.loss);
    }
    out << fit::render(fit::prediction_table(predictions), *format);
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
  command->add_option("--seed", options->seed, "of the scatter of single runs")
      ->capture_default_str();
  add_table_options(*command, options->output);
  command->footer(
      "Columns: \"95% of the law\" is where such runs lie on average, \"95% of one run\" adds the\n"
      "scatter of single runs (normal, with the rms of the fit); \"outside\": how far C and D/N "
      "lie\n"
      "outside the fitted data.");
  command->callback(
      [options, &exit_code] { exit_code = run_predict(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
