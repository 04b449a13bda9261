#include "apps/commands/fit_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "apps/charts/documents.h"
#include "apps/charts/plot_file.h"
#include "apps/commands/conventions.h"
#include "apps/commands/sweep_commands.h"
#include "fit/write/fit_json.h"
#include "fit/write/fit_text.h"

namespace crosslaw::apps {
namespace {

constexpr std::size_t kManyPoints = 20000;

void add_column_options(CLI::App& command, fit::DataFileOptions& file) {
  command.option_defaults()->group("Data of a file");
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

void add_output_options(CLI::App& command, FitCommandOptions& options) {
  command.option_defaults()->group("What to print [text for people]");
  command.add_flag("--json", options.json, "one JSON object, numbers in full");
  command.add_flag("--csv", options.csv, "the coefficients, or the table asked for, in full");
  command.add_flag("--markdown", options.markdown, "the same, rounded, as a Markdown table");
  command.add_flag("--latex", options.latex, "the same, rounded, as a LaTeX tabular (booktabs)");
  command.add_flag("--no-draws", options.no_draws, "leave the bootstrap draws out of the JSON");
  command.add_option("--plot", options.plot, "charts of the fit of a file, as .svg or .html")
      ->type_name("FILE");
  std::string laws = "Laws:\n";
  for (const std::string_view name : fit::law_names()) {
    laws += fmt::format("  {:<18}{}\n", name, fit::find_law(name).formula);
  }
  laws += fmt::format("  {:<18}{}\n", fit::kTwoStageLaw,
                      "joint, with E, A and alpha from the scratch points alone");
  command.footer(
      laws +
      "\nExamples:\n"
      "  crosslaw fit --data runs.csv --params N --tokens D --loss loss --plot fit.html\n"
      "  crosslaw fit --data runs.csv --law extended --cluster run --latex > coefficients.tex\n"
      "  crosslaw fit --data runs.csv --holdout largest-compute --predict 7e9:1.4e11\n"
      "  crosslaw fit --data runs.csv --json > fit.json; crosslaw allocate --fit fit.json "
      "--flops 1e21");
}

}  // namespace

void add_data_options(CLI::App& command, DataFitOptions& options) {
  add_column_options(command, options.file);
  command.option_defaults()->group("How to fit");
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
  command
      .add_option("--n-conventions", options.conventions,
                  "refit under each way to count N: all, or columns and sums of columns")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("all|A,A+B,...");
  command.add_option("--seed", fit.seed, "of starts and resamples")
      ->check([](const std::string& text) {
        return text.starts_with("-") ? fmt::format("{} must be 0 or more", text) : "";
      })
      ->capture_default_str();
  command.add_option("--threads", fit.threads, "0: one a core; changes no result")
      ->capture_default_str();
  command.option_defaults()->group("Options");
}

void require_known_law(const std::string& law) {
  const auto known = fit::law_names();
  if (law.empty() || law == fit::kTwoStageLaw) return;
  if (std::find(known.begin(), known.end(), law) != known.end()) return;
  throw std::invalid_argument(
      fmt::format("--law {} is not known; it must be one of {}", law, law_list()));
}

fit::FitOptions fit_settings(const DataFitOptions& options, std::size_t points) {
  const fit::DataFileOptions& file = options.file;
  fit::FitOptions settings = options.fit;
  if (settings.law.empty()) settings.law = file.stage.empty() ? "chinchilla" : fit::kTwoStageLaw;
  require_known_law(settings.law);
  const bool both = !fit::law_of_fit(settings.law).parts.empty();
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
  settings.draws = options.draws.value_or(points > kManyPoints ? 200 : 1000);
  if (settings.draws < 0) {
    throw std::invalid_argument(
        fmt::format("--bootstrap {}: the number of refits must be 0 or more", settings.draws));
  }
  const std::vector<std::string> wrong = fit::problems(settings);
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
  return settings;
}

fit::FitResult fit_data(const DataFitOptions& options, DataOrigin& origin) {
  const fit::DataFileOptions& file = options.file;
  fit_settings(options, 0);  // bad options before a long file
  fit::DataFile data = fit::read_data_file(file);
  origin = {file.path,   data.fingerprint, data.rows, data.points.size(), file.where, file.params,
            file.tokens, file.loss,        {}};
  origin.data = std::move(data);
  const fit::Points& points = origin.data.points;
  const fit::FitOptions settings = fit_settings(options, points.size());
  fit::FitResult fit = about_file(file.path, fit::problems(settings),
                                  [&] { return fit::fit_law(points, settings); });
  fit.convention = {"column " + file.params,
                    file.compute.empty() ? "6ND" : "column " + file.compute};
  return fit;
}

void require_plot(const std::string& plot, const std::string& directory) {
  if (plot.empty()) return;
  charts::require_plot_name(plot);
  const std::filesystem::path folder = std::filesystem::path(plot).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
    throw std::invalid_argument(
        fmt::format("--plot {}: there is no folder {}; make it first", plot, folder.string()));
  }
  if (directory.empty()) return;
  throw std::invalid_argument(fmt::format(
      "--plot draws fits of a file; crosslaw report {} draws those of a sweep", directory));
}

charts::DataNames names_of(const DataOrigin& origin) {
  return {origin.source, origin.params_column, origin.tokens_column, origin.loss_column};
}

std::optional<fit::TableFormat> output_format(bool json, bool csv, bool markdown, bool latex) {
  if (json + csv + markdown + latex > 1) {
    throw std::invalid_argument("--json, --csv, --markdown and --latex exclude each other");
  }
  if (json) return std::nullopt;
  return csv        ? fit::TableFormat::kCsv
         : markdown ? fit::TableFormat::kMarkdown
         : latex    ? fit::TableFormat::kLatex
                    : fit::TableFormat::kText;
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
               const FitCommandOptions& options, std::ostream& out, std::ostream& log,
               const Evidence& evidence) {
  const auto format = output_format(options.json, options.csv, options.markdown, options.latex);
  if (format == fit::TableFormat::kText) {
    out << fmt::format("{}: {} of {} rows\n", origin.source, origin.used, origin.rows)
        << fit::describe(fit) << evidence.text;
    return;
  }
  if (format == fit::TableFormat::kCsv) {
    out << fit::render(evidence.csv ? *evidence.csv : fit::coefficient_csv(fit), *format);
  } else if (format) {
    out << fit::render(evidence.table ? *evidence.table : fit::coefficient_table(fit), *format);
  } else {
    nlohmann::ordered_json json = fit::to_json(fit, false);
    json["data"] = to_json(origin);
    json.update(evidence.json);
    if (!options.no_draws && fit.draws.rows() > 0) {
      json["draws"] = fit::to_json(fit, true).at("draws");
    }
    out << fit::pretty(json);
  }
  for (const std::string& problem : fit.problems) log << "crosslaw fit: " << problem << "\n";
  for (const std::string& each : evidence.warnings) log << "crosslaw fit: " << each << "\n";
}

namespace {

// Flags that would be ignored are refused.
void check_source_options(const FitCommandOptions& options) {
  const bool of_sweep = options.count != "all" || options.points != "auto" || options.exact_flops;
  if (!options.data.file.path.empty() && of_sweep) {
    throw std::invalid_argument(
        "--count, --points and --exact-flops choose from a sweep's folder; a file says the same by "
        "its columns: --params, --where and --compute");
  }
  if (!options.data.conventions.empty() && (options.evidence.any() || !options.plot.empty())) {
    throw std::invalid_argument(
        "--n-conventions prints one table of fits; ask for --profile, --predict, --holdout, "
        "--influence and --plot of one of them with --params");
  }
  if (options.method.method.empty() && !options.method.flops.empty()) {
    throw std::invalid_argument("--flops needs --method; --at is the budget of --profile");
  }
}

}  // namespace

int run_fit(const FitCommandOptions& options, std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.json, options.csv, options.markdown, options.latex);
  check_evidence_options(options.evidence, format && format != fit::TableFormat::kText);
  check_source_options(options);
  if (!options.method.method.empty()) return run_frontier_method(options, out, log);
  if (!options.data.conventions.empty()) {
    ConventionsOptions conventions{options.data, options.directory, options.points};
    conventions.format = format;
    return run_conventions(conventions, out, log);
  }
  require_plot(options.plot, options.directory);
  if (!options.directory.empty()) return run_fit_of_sweep(options, out, log);
  if (options.data.file.path.empty()) {
    throw std::invalid_argument("say what to fit: a sweep's folder or --data FILE");
  }
  DataOrigin origin;
  const fit::FitResult fit = fit_data(options.data, origin);
  const Evidence evidence = gather_evidence(options.evidence, options.data, origin.data, fit);
  if (!options.plot.empty()) {
    const std::vector<fit::Profile> profiles =
        fit::profile_coefficients(origin.data.points, fit, options.data.fit.threads);
    charts::write_plot(options.plot,
                       charts::fit_document(fit, origin.data.points, profiles, names_of(origin)));
    log << fmt::format("crosslaw fit: charts in {}\n", options.plot);
  }
  print_fit(fit, origin, options, out, log, evidence);
  return 0;
}

void add_fit_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "fit", "Fit a scaling law: coefficients, intervals, certificate, identifiability");
  auto options = std::make_shared<FitCommandOptions>();
  command->add_option("dir", options->directory,
                      "a sweep's folder: fits its runs and stores the fits");
  add_data_options(*command, options->data);
  command->option_defaults()->group("Data of a sweep");
  command->add_option("--count", options->count, "of a sweep, N: all, no-embeddings or budget")
      ->capture_default_str();
  command
      ->add_option("--points", options->points,
                   "of a sweep: losses at the ends of schedules, all, or auto")
      ->capture_default_str();
  command->add_flag("--exact-flops", options->exact_flops,
                    "of a sweep: C is the exact FLOPs of its runs, not 6ND");
  add_evidence_options(*command, options->evidence);
  add_method_options(*command, options->method);
  add_output_options(*command, *options);
  command->callback([options, &exit_code] { exit_code = run_fit(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
