#include "apps/commands/allocate_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>

#include "apps/charts/documents.h"
#include "apps/charts/plot_file.h"
#include "apps/commands/conventions.h"
#include "apps/commands/sweep_commands.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

std::map<std::string, double> parse_pairs(const std::string& text) {
  std::map<std::string, double> out;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string pair = text.substr(at, end - at);
    const std::size_t equal = pair.find('=');
    double value = 0;
    const char* last = pair.data() + pair.size();
    const char* digits = equal == std::string::npos ? last : pair.data() + equal + 1;
    const auto [stop, error] = std::from_chars(digits, last, value);
    if (digits == last || stop != last || error != std::errc()) {
      throw std::invalid_argument(
          fmt::format("--coefficients: '{}' is not NAME=NUMBER, such as alpha=0.34", pair));
    }
    if (!out.try_emplace(pair.substr(0, equal), value).second) {
      throw std::invalid_argument(
          fmt::format("--coefficients: {} is given twice", pair.substr(0, equal)));
    }
    at = end + 1;
  }
  return out;
}

bool has_exactly(const fit::Law& law, const std::map<std::string, double>& values) {
  return static_cast<std::size_t>(law.size()) == values.size() &&
         std::all_of(values.begin(), values.end(),
                     [&](const auto& each) { return law.has(each.first); });
}

void require_one_source(const AllocateCommandOptions& options) {
  const int sources =
      !options.data.file.path.empty() + !options.fit_file.empty() + !options.coefficients.empty();
  if (sources == 1) return;
  throw std::invalid_argument(
      "say what to allocate with exactly one of a sweep's folder, --data FILE, --fit FIT.json, "
      "--coefficients LIST");
}

// Flags that would be ignored are refused.
void check_data_options(const AllocateCommandOptions& options) {
  const fit::DataFileOptions& file = options.data.file;
  const bool about_data = !file.where.empty() || !file.cluster.empty() || !file.weight.empty() ||
                          !file.stage.empty() || !file.unique.empty() || !file.compute.empty();
  if (file.path.empty() && options.directory.empty() && options.data.conventions.empty() &&
      about_data) {
    throw std::invalid_argument(
        "--where, --cluster, --weight, --stage, --unique and --compute say how to fit "
        "--data FILE; a fit that is there already is taken as it is");
  }
  if (!options.data.conventions.empty() &&
      (!options.plot.empty() || !options.ladder.path.empty())) {
    throw std::invalid_argument(
        "--n-conventions prints one table of fits; ask for --ladder and --plot of one of them "
        "with --params");
  }
}

std::optional<fit::TableFormat> format_of(const AllocateCommandOptions& options) {
  return output_format(options.json, options.csv, options.markdown, options.latex);
}

fit::AllocationOptions settings_of(const AllocateCommandOptions& options) {
  fit::AllocationOptions settings;
  settings.flops = options.flops;
  settings.limits = options.limits;
  settings.flat_share = options.flat_percent / 100;
  settings.six_nd = options.six_nd;
  settings.accept_unidentified = options.accept_unidentified;
  return settings;
}

// A fit whose compute is that of the real sizes, where the points carried none.
fit::FitResult with_ladder_compute(fit::FitResult fit, const std::vector<fit::LadderSize>& ladder) {
  if (fit.compute) return fit;
  fit::Points sizes;
  for (const fit::LadderSize& size : ladder) {
    sizes.push_back({size.params, 1, 1});
    sizes.back().flops = size.flops_per_token.value_or(0);
  }
  fit.compute = fit::fit_compute(sizes);
  if (fit.compute) return fit;
  throw std::invalid_argument(
      "--exact-flops needs FLOPs: a sweep's folder, --compute COLUMN, or a --ladder of two sizes "
      "or "
      "more with shapes or flops_per_token");
}

void write_tables(const fit::AllocationReport& report, fit::TableFormat format, std::ostream& out) {
  const std::string line = fit::convention_line(report);
  if (format == fit::TableFormat::kText) {
    out << fit::frontier_text(report) << line << "\n\n";
  } else {
    out << (format == fit::TableFormat::kLatex ? "% " + line + "\n" : line + "\n\n")
        << fit::render(fit::frontier_table(report), format) << "\n";
  }
  out << fit::render(fit::allocation_table(report), format);
  if (!report.savings.empty()) out << "\n" << fit::render(fit::saving_table(report), format);
}

void add_budget_options(CLI::App& command, AllocateCommandOptions& options) {
  command.option_defaults()->group("Budgets and limits");
  command.add_option("--flops", options.flops, "budgets C, such as 1e18,1e20")
      ->delimiter(',')
      ->allow_extra_args(false);
  fit::Limits& limits = options.limits;
  command.add_option("--max-tokens", limits.max_tokens, "no more training tokens than this")
      ->type_name("D");
  command.add_option("--max-params", limits.max_params, "no larger model than this")
      ->type_name("N");
  command
      .add_option("--inference-tokens", limits.inference_tokens,
                  "tokens to be served: the budget is 6ND + 2NT")
      ->type_name("T");
  command
      .add_option("--unique-tokens", limits.unique_tokens,
                  "distinct tokens there are, for law data-constrained")
      ->type_name("U");
  command.add_flag("--six-nd", options.six_nd, "C = 6ND although --compute gives measured FLOPs");
  command.add_flag("--exact-flops", options.exact_flops,
                   "C is the exact FLOPs of a sweep's runs or of the sizes of --ladder, not 6ND");
  command.add_option("--flat", options.flat_percent, "percent of loss that counts as equally good")
      ->capture_default_str();
  command.add_flag("--accept-unidentified", options.accept_unidentified,
                   "allocate although the fit is not identifiable");
}

void add_ladder_options(CLI::App& command, AllocateCommandOptions& options) {
  command.option_defaults()->group("Real sizes");
  LadderFile& ladder = options.ladder;
  command.add_option("--ladder", ladder.path,
                     "CSV of real sizes: name, params[, flops_per_token], or name, hidden, ffn, "
                     "heads, layers (then FLOPs are exact)");
  command.add_option("--vocabulary", ladder.vocabulary, "of the shapes of --ladder")
      ->capture_default_str();
  command.add_option("--context", ladder.context_tokens, "of the shapes of --ladder, in tokens")
      ->capture_default_str();
  command.add_flag("--tied-head", ladder.tied_head, "the shapes share embedding and head");
  command
      .add_option("--count", options.count,
                  "N of the shapes, as in the fit: all, no-embeddings or budget")
      ->capture_default_str();
}

void add_source_options(CLI::App& command, AllocateCommandOptions& options) {
  command.option_defaults()->group("A fit that is there already");
  command.add_option("--fit", options.fit_file, "a fit saved by fit --json")->type_name("FIT.json");
  command.add_option("--coefficients", options.coefficients,
                     "E=..,A=..,alpha=..,B=..,beta=..[,gamma=..]");
}

void add_output_options(CLI::App& command, AllocateCommandOptions& options) {
  command.option_defaults()->group("What to print [text for people]");
  command.add_flag("--json", options.json, "one JSON object, numbers in full");
  command.add_flag("--csv", options.csv, "CSV, numbers in full");
  command.add_flag("--markdown", options.markdown, "a Markdown table");
  command.add_flag("--latex", options.latex, "a LaTeX tabular (booktabs)");
  command.add_option("--plot", options.plot, "charts of the frontiers, as .svg or .html")
      ->type_name("FILE");
  command.footer(
      "Examples:\n"
      "  crosslaw allocate --data runs.csv --flops 1e20,1e22 --max-tokens 2e11\n"
      "  crosslaw allocate --fit fit.json --flops 1e21 --ladder sizes.csv --latex > plan.tex\n"
      "  crosslaw allocate --coefficients E=1.82,A=478,alpha=0.347,B=2143,beta=0.367 --flops "
      "5.76e23");
}

}  // namespace

fit::FitResult parse_coefficients(const std::string& text) {
  const std::map<std::string, double> values = parse_pairs(text);
  for (const std::string_view name : fit::law_names()) {
    const fit::Law& law = fit::find_law(name);
    if (!has_exactly(law, values)) continue;
    std::vector<double> ordered;
    for (const fit::CoefficientInfo& info : law.coefficients) {
      ordered.push_back(values.at(std::string(info.name)));
    }
    return fit::from_values(law, ordered);
  }
  std::string known;
  for (const std::string_view name : fit::law_names()) {
    known += fmt::format("\n  {}:", name);
    for (const auto& info : fit::find_law(name).coefficients)
      known += fmt::format(" {}", info.name);
  }
  throw std::invalid_argument("--coefficients: no law has exactly these names; laws:" + known);
}

int print_allocation(const fit::FitResult& fit, const AllocateCommandOptions& options,
                     std::vector<fit::LadderSize> ladder, std::ostream& out, std::ostream& log,
                     const DataOrigin& origin) {
  const std::optional<fit::TableFormat> format = format_of(options);
  fit::AllocationOptions settings = settings_of(options);
  settings.ladder = std::move(ladder);
  if (!options.ladder.path.empty()) {
    LadderFile file = options.ladder;
    file.count = find_params_count(options.count);
    settings.ladder = read_ladder(file);
  }
  const fit::AllocationReport report = fit::report_allocation(
      options.exact_flops ? with_ladder_compute(fit, settings.ladder) : fit, settings);
  for (const std::string& warning : fit::warnings(report)) {
    log << "crosslaw allocate: " << warning << "\n";
  }
  const bool any = std::any_of(report.strategies.begin(), report.strategies.end(),
                               [](const fit::Allocation& each) { return !each.rows.empty(); });
  if (!any) {
    if (!fit.identifiable)
      log << "crosslaw allocate: --accept-unidentified allocates all the same\n";
    return 1;
  }
  if (!options.plot.empty()) {
    charts::write_plot(options.plot, charts::allocation_document(fit, report, origin.data.points,
                                                                 names_of(origin)));
    log << fmt::format("crosslaw allocate: charts in {}\n", options.plot);
  }
  if (!format) {
    out << fit::pretty(fit::to_json(report));
  } else if (format == fit::TableFormat::kCsv) {
    out << fit::render(fit::allocation_csv(report), *format);
  } else {
    write_tables(report, *format, out);
  }
  return 0;
}

int run_allocate(const AllocateCommandOptions& options, std::ostream& out, std::ostream& log) {
  check_data_options(options);
  if (!options.data.conventions.empty()) {
    return run_conventions(
        {options.data, options.directory, "auto", settings_of(options), format_of(options)}, out,
        log);
  }
  require_plot(options.plot, options.directory);
  if (!options.directory.empty()) return run_allocate_of_sweep(options, out, log);
  require_one_source(options);
  if (options.six_nd && options.exact_flops)
    throw std::invalid_argument("--six-nd and --exact-flops exclude each other");
  if (options.flops.empty())
    throw std::invalid_argument("--flops is missing: the budgets, such as 1e18,1e20");
  fit::FitResult fit;
  DataOrigin origin;
  if (!options.fit_file.empty()) {
    fit = fit::read_fit(options.fit_file);
    origin.source = options.fit_file;
  } else if (!options.coefficients.empty()) {
    fit = parse_coefficients(options.coefficients);
  } else {
    fit = fit_data(options.data, origin);
  }
  return print_allocation(fit, options, {}, out, log, origin);
}

void add_allocate_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "allocate", "Compute-optimal parameters and tokens for budgets, with intervals");
  auto options = std::make_shared<AllocateCommandOptions>();
  command->add_option("dir", options->directory,
                      "a sweep's folder: allocates by its stored fits, over its own ladder");
  add_data_options(*command, options->data);
  add_source_options(*command, *options);
  add_budget_options(*command, *options);
  add_ladder_options(*command, *options);
  add_output_options(*command, *options);
  command->callback(
      [options, &exit_code] { exit_code = run_allocate(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
