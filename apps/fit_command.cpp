#include "apps/fit_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "apps/sweep_commands.h"
#include "fit/fit_json.h"
#include "fit/fit_text.h"

namespace crosslaw::apps {
namespace {

constexpr std::size_t kManyPoints = 20000;

void add_column_options(CLI::App& command, fit::DataFileOptions& file) {
  command.add_option("--data", file.path, "CSV, TSV or JSON lines with one trained model a row");
  command.add_option("--params", file.params, "column of N, the parameters; or a sum, A+B")
      ->capture_default_str();
  command.add_option("--tokens", file.tokens, "column of D, the number of tokens")
      ->capture_default_str();
  command.add_option("--loss", file.loss, "column of the loss")->capture_default_str();
  command.add_option("--where", file.where, "keep rows with COLUMN=VALUE (also != < <= > >=)")
      ->allow_extra_args(false)
      ->type_name("COLUMN=VALUE");
  command.add_option("--cluster", file.cluster,
                     "column naming the run of a row (or several, A+B); runs are resampled whole");
  command.add_option("--weight", file.weight, "column of weights in the objective");
  command.add_option("--stage", file.stage, "column saying scratch or continued");
  command.add_option("--unique", file.unique, "column of the distinct tokens among D");
  command.add_option("--compute", file.compute, "column of the training FLOPs [6 N D]");
}

std::string law_list() {
  std::string out;
  for (const std::string_view name : fit::law_names()) out += fmt::format("{}, ", name);
  return out + std::string(fit::kTwoStageLaw);
}

}  // namespace

void add_data_options(CLI::App& command, DataFitOptions& options) {
  add_column_options(command, options.file);
  fit::FitOptions& fit = options.fit;
  fit.law.clear();
  command.add_option("--law", fit.law,
                     fmt::format("one of {} [chinchilla; two-stage with --stage]", law_list()));
  command
      .add_option("--huber-delta", fit.huber_delta,
                  "where log residuals stop being squared; inf: least squares")
      ->capture_default_str();
  command.add_option("--starts", fit.starts, "start points of the search")->capture_default_str();
  command
      .add_option("--bootstrap", options.draws,
                  "refits for intervals; 0: none [1000; 200 above 20,000 points]")
      ->type_name("R");
  command.add_option("--resample", options.resampling,
                     "pairs, clusters or parametric [clusters with --cluster, else pairs]");
  command.add_option("--seed", fit.seed, "of starts and resamples")->capture_default_str();
  command.add_option("--threads", fit.threads, "0: one a core; changes no result")
      ->capture_default_str();
}

fit::FitResult fit_data(const DataFitOptions& options, DataOrigin& origin) {
  const fit::DataFileOptions& file = options.file;
  fit::FitOptions settings = options.fit;
  if (settings.law.empty()) settings.law = file.stage.empty() ? "chinchilla" : fit::kTwoStageLaw;
  const auto known = fit::law_names();
  if (settings.law != fit::kTwoStageLaw &&
      std::find(known.begin(), known.end(), settings.law) == known.end()) {
    throw std::invalid_argument(
        fmt::format("--law {} is not known; it must be one of {}", settings.law, law_list()));
  }
  const bool both = settings.law == fit::kTwoStageLaw || settings.law == "joint";
  if (both && file.stage.empty()) {
    throw std::invalid_argument(fmt::format(
        "--law {} needs --stage, the column that says scratch or continued", settings.law));
  }
  if (!options.resampling.empty()) {
    settings.resampling = fit::find_resampling(options.resampling);
    if (settings.resampling == fit::Resampling::kClusters && file.cluster.empty()) {
      throw std::invalid_argument("--resample clusters needs --cluster, the column naming the run");
    }
  } else if (!file.cluster.empty()) {
    settings.resampling = fit::Resampling::kClusters;
  }
  const fit::DataFile data = fit::read_data_file(file);
  origin = {file.path,  data.fingerprint, data.rows,   data.points.size(),
            file.where, file.params,      file.tokens, file.loss};
  settings.draws = options.draws.value_or(data.points.size() > kManyPoints ? 200 : 1000);
  return about_file(file.path, fit::problems(settings),
                    [&] { return fit::fit_law(data.points, settings); });
}

nlohmann::ordered_json to_json(const DataOrigin& origin) {
  nlohmann::ordered_json out = {{"source", origin.source},
                                {"rows", origin.rows},
                                {"used", origin.used},
                                {"where", origin.where},
                                {"params", origin.params_column},
                                {"tokens", origin.tokens_column},
                                {"loss", origin.loss_column}};
  if (!origin.fingerprint.empty()) out["fnv1a64"] = origin.fingerprint;
  return out;
}

void print_fit(const fit::FitResult& fit, const DataOrigin& origin,
               const FitCommandOptions& options, std::ostream& out, std::ostream& log) {
  if (!options.json && !options.csv) {
    out << fmt::format("{}: {} of {} rows\n", origin.source, origin.used, origin.rows)
        << fit::describe(fit);
    return;
  }
  if (options.csv) {
    out << fit::render(fit::coefficient_csv(fit), fit::TableFormat::kCsv);
  } else {
    nlohmann::ordered_json json = fit::to_json(fit, false);
    json["data"] = to_json(origin);
    if (!options.no_draws && fit.draws.rows() > 0) {
      json["draws"] = fit::to_json(fit, true).at("draws");
    }
    out << fit::pretty(json);
  }
  for (const std::string& problem : fit.problems) log << "crosslaw fit: " << problem << "\n";
}

int run_fit(const FitCommandOptions& options, std::ostream& out, std::ostream& log) {
  if (!options.method.method.empty()) return run_frontier_method(options, out, log);
  if (options.method.markdown || options.method.latex || !options.method.flops.empty()) {
    throw std::invalid_argument("--markdown, --latex and --flops need --method");
  }
  if (options.json && options.csv) {
    throw std::invalid_argument("--json and --csv exclude each other");
  }
  if (!options.directory.empty()) return run_fit_of_sweep(options, out, log);
  if (options.data.file.path.empty()) {
    throw std::invalid_argument("say what to fit: a sweep's folder or --data FILE");
  }
  DataOrigin origin;
  const fit::FitResult fit = fit_data(options.data, origin);
  print_fit(fit, origin, options, out, log);
  return 0;
}

void add_fit_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "fit", "Fit a scaling law: coefficients, intervals, certificate, identifiability");
  auto options = std::make_shared<FitCommandOptions>();
  command->add_option("dir", options->directory,
                      "a sweep's folder: fits its runs and stores the fits");
  add_data_options(*command, options->data);
  command->add_option("--count", options->count, "of a sweep, N: all, no-embeddings or budget")
      ->capture_default_str();
  command
      ->add_option("--points", options->points,
                   "of a sweep: losses at the ends of schedules, all, or auto")
      ->capture_default_str();
  add_method_options(*command, options->method);
  command->add_flag("--json", options->json, "one JSON object, numbers in full");
  command->add_flag("--csv", options->csv, "the coefficients as CSV");
  command->add_flag("--no-draws", options->no_draws, "leave the bootstrap draws out of the JSON");
  command->callback([options, &exit_code] { exit_code = run_fit(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
