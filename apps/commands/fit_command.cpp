#include "apps/commands/fit_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>

#include "apps/charts/documents.h"
#include "apps/charts/plot_file.h"
#include "apps/commands/command_line_errors.h"
#include "apps/commands/commands.h"
#include "apps/commands/fit_groups.h"
#include "apps/commands/n_conventions.h"
#include "apps/commands/unread_columns.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"
#include "fit/write/fit_text.h"
#include "fit/write/latex.h"

namespace crosslaw::apps {
namespace {

// A fit and the answers to what else was asked of it.
struct AnsweredFit {
  SourcedFit fit;
  Evidence evidence;
};

// Answers that are not of one fit: their columns are known before anything is read.
void refuse_unread_by_any(const FitCommandOptions& options) {
  const fit::DataFileOptions& file = options.source.file;
  if (!options.method.method.empty()) {
    refuse_columns_beside_size_and_tokens("--method " + options.method.method, file);
  }
  if (options.by.empty() && options.conventions.empty()) return;
  const std::string& law = options.fitting.fit.law;
  require_known_law(law);
  refuse_unread_columns(fit::law_of_fit(law.empty() ? "chinchilla" : law), file);
}

// Flags that would be ignored are refused.
void check_options(const FitCommandOptions& options) {
  const auto format = output_format(options.output);
  check_evidence_options(options.evidence, format && !is_text(*format),
                         !options.source.directory.empty(), !options.by.empty());
  const bool plot = !options.output.plot.empty();
  if (!options.conventions.empty() && (options.evidence.any() || plot)) {
    throw std::invalid_argument(
        "--n-conventions prints one table of fits; ask for --profile, --predict, --holdout, "
        "--influence and --plot of one of them with --params");
  }
  if (options.method.method.empty() && !options.method.flops.empty()) {
    throw std::invalid_argument("--flops needs --method; --at is the budget of --profile");
  }
  if (!options.method.method.empty() && (options.evidence.any() || plot)) {
    throw std::invalid_argument(
        "--method fits no law: --profile, --predict, --holdout, --influence and --plot ask for "
        "one");
  }
  const fit::FitOptions& fit = options.fitting.fit;
  const bool steered = !fit.constraints.empty() || fit.over_weight != 1;
  if (steered && (options.evidence.profile || options.evidence.influence || plot)) {
    throw std::invalid_argument(
        "--profile, --influence and --plot refit with every coefficient free: leave out --fix, "
        "--tie and --over-weight");
  }
  if (!options.by.empty() &&
      (options.evidence.profile || options.evidence.influence ||
       !options.evidence.predict.empty() || !options.evidence.holdout.empty() ||
       !options.conventions.empty() || !options.method.method.empty())) {
    throw std::invalid_argument(
        "--by compares fits of groups: ask for --profile, --predict, --holdout, --influence, "
        "--n-conventions and --method of one of them with --where COLUMN=VALUE");
  }
  check_data_source(options.source);
  refuse_unread_by_any(options);
  require_plot(options.output.plot);
}

nlohmann::ordered_json json_of(const AnsweredFit& each, bool draws) {
  const fit::FitResult& fit = each.fit.fit;
  nlohmann::ordered_json out = fit::to_json(fit, false);
  if (!each.fit.name.empty()) {
    out["language"] = each.fit.data.language;
    out["name"] = each.fit.name;
  }
  out["data"] = to_json(each.fit.data);
  out.update(each.evidence.json);
  if (!draws) return out;
  // Long, and last: of the whole law, else of the stages that have any.
  const char* where = fit.draws.rows() > 0 ? "draws" : "stages";
  const nlohmann::ordered_json all = fit::to_json(fit, true);
  if (all.contains(where)) out[where] = all.at(where);
  return out;
}

fit::Table table_of(const AnsweredFit& each, fit::TableFormat format) {
  if (format == fit::TableFormat::kCsv) {
    return each.evidence.csv ? *each.evidence.csv : fit::coefficient_csv(each.fit.fit);
  }
  return each.evidence.table ? *each.evidence.table : fit::coefficient_table(each.fit.fit);
}

// The tables of all fits as one. A held-out test has laws of its own in a column "law".
fit::Table stacked_table(const std::vector<AnsweredFit>& fits, fit::TableFormat format) {
  std::vector<fit::TablePart> parts;
  bool own_laws = false;
  for (const AnsweredFit& each : fits) {
    fit::Table table = table_of(each, format);
    own_laws = own_laws || table.header.front() == "law";
    if (format == fit::TableFormat::kCsv)
      table = fit::with_convention(std::move(table), each.fit.fit.convention);
    parts.push_back({{each.fit.data.language, each.fit.name}, std::move(table)});
    if (!own_laws) parts.back().labels.push_back(law_name(each.fit.fit));
  }
  return own_laws ? fit::stacked({"language", "fit"}, parts)
                  : fit::stacked({"language", "fit", "law"}, parts);
}

void print_text(const std::vector<AnsweredFit>& fits, bool verbose, std::ostream& out) {
  for (const AnsweredFit& each : fits) {
    if (&each != &fits.front()) out << "\n";
    out << describe(each.fit.data) << fit::describe(each.fit.fit, verbose) << each.evidence.text;
  }
}

void log_problems(const AnsweredFit& each, std::ostream& log) {
  const std::string whose = each.fit.name.empty() ? "" : each.fit.label() + ": ";
  for (const auto* sentences : {&each.fit.fit.problems, &each.evidence.warnings}) {
    for (const std::string& sentence : *sentences) {
      log << "crosslaw fit: " << whose << sentence << "\n";
    }
  }
}

void print(const std::vector<AnsweredFit>& fits, const FitCommandOptions& options,
           std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.output);
  const bool of_sweep = !options.source.directory.empty();
  if (format && is_text(*format)) return print_text(fits, options.verbose, out);
  if (format) {
    out << fit::convention_note(fits.front().fit.fit.convention, *format);
    if (format == fit::TableFormat::kLatex && !of_sweep && !fits.front().evidence.table) {
      const fit::FitResult& fit = fits.front().fit.fit;
      out << fit::latex_float(
          fit::coefficient_table(fit),
          fmt::format("{} fitted to {} points; 95\\,\\% intervals of {} refits; loss: {}.",
                      fit::latex_formula(fit.law->formula), fit.points, fit.draws.rows(),
                      fit::latex_cell(fit.convention.loss)));
      for (const AnsweredFit& each : fits) log_problems(each, log);
      return;
    }
    const bool labelled = of_sweep || format == fit::TableFormat::kCsv;
    out << fit::render(labelled ? stacked_table(fits, *format) : table_of(fits.front(), *format),
                       *format);
  } else {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const AnsweredFit& each : fits) all.push_back(json_of(each, !options.no_draws));
    out << fit::pretty(of_sweep ? nlohmann::ordered_json{{"schema", 1}, {"fits", all}} : all[0]);
  }
  for (const AnsweredFit& each : fits) log_problems(each, log);
}

void plot(const std::vector<AnsweredFit>& fits, const FitCommandOptions& options,
          std::ostream& log) {
  std::vector<charts::NamedDocument> documents;
  for (const AnsweredFit& each : fits) {
    const Dataset& data = each.fit.data;
    const std::vector<fit::Profile> profiles =
        fit::profile_coefficients(data.data.points, each.fit.fit, options.fitting.fit.threads);
    documents.push_back({each.fit.label(), charts::fit_document(each.fit.fit, data.data.points,
                                                                profiles, names_of(data))});
  }
  charts::write_plot(options.output.plot,
                     options.source.directory.empty()
                         ? documents.front().document
                         : charts::combined("Fits of " + options.source.directory, documents));
  log << fmt::format("crosslaw fit: charts in {}\n", options.output.plot);
}

void refuse_idle_fit_flags(const CLI::App& command, const FitCommandOptions& options) {
  const bool law = options.method.method.empty();
  const bool isoflop = options.method.method == "isoflop";
  refuse_idle_flags(command, {{"--same-budget", isoflop, "--method isoflop"},
                              {"--flat", isoflop, "--method isoflop"},
                              {"--no-draws", options.output.json, "--json"},
                              {"--huber-delta", law, "fits of a law, and --method fits none"},
                              {"--starts", law, "fits of a law, and --method fits none"}});
}

void add_fit_footer(CLI::App& command) {
  std::string laws = "Laws:\n";
  constexpr std::size_t kName = 26;  // columns, with what stands before it
  const auto add = [&](std::string_view name, std::string_view formula) {
    laws += fit::wrapped(fmt::format("{:<{}}{}", fmt::format("  {}", name), kName, formula),
                         fit::kPageColumns, kName) +
            "\n";
  };
  for (const std::string_view name : fit::law_names()) {
    add(name, fit::find_law(name).formula);
  }
  add(fit::kTwoStageLaw, "joint, with E, A and alpha from the scratch points alone");
  command.footer(
      laws +
      "\nColumns: value, se (standard error) and 95% (interval) of each coefficient; a and b are "
      "the\n"
      "exponents of N* ~ C^a and D* ~ C^b; N*, D*, D*/N* stand at the largest measured compute.\n"
      "  --holdout  p: coefficients; fall: of the objective against the first law; error, bias, "
      "rms,\n"
      "             worst: of predicted losses; behind best: 95 % interval of the difference\n"
      "  --influence  N*, exponents, objective: their change when one run is left out\n"
      "  --method isoflop  rms: around the parabola; sizes apart: largest over smallest N;\n"
      "             off centre: N* from the middle of the sizes; best run's N: without a parabola\n"
      "  --by       speed-up: compute that `against` needs for the loss of `group`, over C\n"
      "\nExamples:\n"
      "  crosslaw fit --data runs.csv --params N --tokens D --loss loss --plot fit.html\n"
      "  crosslaw fit --data runs.csv --law extended --cluster run --latex > coefficients.tex\n"
      "  crosslaw fit --data runs.csv --holdout largest-compute --predict 7e9:1.4e11\n"
      "  crosslaw fit --data runs.csv --json > fit.json; crosslaw allocate --fit fit.json "
      "--flops 1e21\n"
      "  crosslaw fit sweeps/demo --profile --markdown");
}

}  // namespace

int run_fit(const FitCommandOptions& options, std::ostream& out, std::ostream& log) {
  check_options(options);
  if (!options.by.empty()) {
    return run_fit_groups(
        {options.by, options.source, options.fitting, options.evidence.flops, options.output}, out,
        log);
  }
  if (!options.method.method.empty()) {
    return run_frontier_method(options.method, options.source, options.fitting, options.output, out,
                               log);
  }
  if (!options.conventions.empty()) {
    return run_n_conventions(
        {options.conventions, options.source, options.fitting, {}, options.output}, out, log);
  }
  EvidenceOptions asked = options.evidence;
  if (options.output.wide) asked.format = fit::TableFormat::kWideText;
  const bool refit = options.evidence.any() || !options.output.plot.empty();
  std::vector<AnsweredFit> fits;
  for (SourcedFit& each : fit_source(options.source, options.fitting, refit, log)) {
    // A held-out test compares the laws that read such a column with those that do not.
    if (asked.holdout.empty()) refuse_unread_columns(each.fit, options.source.file);
    Evidence evidence = gather_evidence(asked, options.fitting.fit, each.data, each.fit);
    fits.push_back({std::move(each), std::move(evidence)});
  }
  if (fits.empty()) return 1;
  if (!options.output.plot.empty()) plot(fits, options, log);
  print(fits, options, out, log);
  return 0;
}

void add_fit_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "fit", "Fit a scaling law: coefficients, intervals, certificate, identifiability");
  auto options = std::make_shared<FitCommandOptions>();
  command->add_option("dir", options->source.directory,
                      "a sweep's folder: fits its runs and stores the fits; or a file, as --data");
  add_file_options(*command, options->source.file);
  add_sweep_options(*command, options->source);
  add_fitting_options(*command, options->fitting);
  add_conventions_option(*command, options->conventions);
  command
      ->add_option("--by", options->by,
                   "a fit for each value of this column, and what one saves against another "
                   "(at --at, else the most that all measured)")
      ->type_name("COLUMN");
  add_evidence_options(*command, options->evidence);
  add_method_options(*command, options->method);
  add_output_options(*command, options->output);
  command->add_flag("--no-draws", options->no_draws, "leave the bootstrap draws out of the JSON");
  command->add_flag("--verbose", options->verbose,
                    "what stands behind a fit: gradient, condition, residuals, other optima");
  add_fit_footer(*command);
  command->callback([options, command, &exit_code] {
    take_positional_file(options->source);
    refuse_idle_fit_flags(*command, *options);
    exit_code = run_fit(*options, std::cout, std::cerr);
  });
}

}  // namespace crosslaw::apps
