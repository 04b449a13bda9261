#include "apps/commands/n_conventions.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "apps/commands/command_line_lists.h"
#include "apps/study/observations.h"
#include "apps/study/source_text.h"
#include "apps/study/sweep_folder.h"
#include "fit/allocate/conventions.h"
#include "fit/write/conventions_table.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

using Conventions = std::vector<std::string>;

constexpr const char* kAll = "all";

// The same runs counted in several ways.
struct Counted {
  std::string language;  // of a sweep; empty: of a file
  std::vector<fit::CountedPoints> points;
  fit::FitOptions settings;
};

Counted counted_in_file(const NConventionsOptions& options, std::ostream& log) {
  const std::string text = read_source_text(options.source.file.path);
  const fit::Records records = fit::parse_records(text, options.source.file.path, {});
  std::vector<std::string> notes = records.notes;
  const fit::DataFileOptions file = fit::with_guessed_columns(records, options.source.file, notes);
  for (const std::string& note : notes) log << fmt::format("{}: {}\n", file.path, note);
  Conventions expressions = options.conventions;
  if (expressions == Conventions{kAll}) expressions = fit::params_conventions(records, file);
  Counted out;
  for (const std::string& expression : expressions) {
    fit::DataFileOptions counted = file;
    counted.params = expression;
    out.points.push_back({expression, fit::parse_data(text, counted).points});
  }
  out.settings = fit_settings(options.fitting, file, out.points.front().points.size());
  return out;
}

fit::FitOptions settings_of(const FittingOptions& options, const LanguagePair& pair) {
  fit::FitOptions out = options.fit;
  if (options.draws) out.draws = *options.draws;
  if (!options.resampling.empty()) out.resampling = fit::find_resampling(options.resampling);
  if (out.law.empty()) out.law = pair.continued.empty() ? "chinchilla" : fit::kTwoStageLaw;
  return out;
}

// The languages of a sweep, under each count with exact compute on every point.
std::vector<Counted> counted_in_sweep(const NConventionsOptions& options, std::ostream& log) {
  if (options.conventions != Conventions{kAll}) {
    throw std::invalid_argument(
        "--n-conventions of a sweep must be all: all parameters, those without embeddings, and "
        "those that token budgets multiply");
  }
  const PointChoice choice = find_point_choice(options.source.points);
  const db::RunStore store = read_store(options.source.directory);
  std::vector<Observations> counts;
  for (const ParamsCount count :
       {ParamsCount::kAll, ParamsCount::kWithoutEmbeddings, ParamsCount::kBudget}) {
    counts.emplace_back(store, count);
  }
  std::vector<Counted> out;
  for (const LanguagePair& pair : counts.front().pairs()) {
    Counted one{pair.label(), {}, settings_of(options.fitting, pair)};
    const bool both = !fit::law_of_fit(one.settings.law).parts.empty();
    for (const Observations& observations : counts) {
      fit::Points points = observations.points(pair, choice, true);
      if (!both) points = fit::select_stage(points, fit::Stage::kScratch);
      if (!points.empty()) {
        one.points.push_back({describe(observations.count()), std::move(points)});
      }
    }
    if (one.points.empty()) {
      log << fmt::format("crosslaw: {}: no finished run to fit\n", pair.label());
    } else {
      out.push_back(std::move(one));
    }
  }
  return out;
}

struct Compared {
  std::string language;
  fit::ConventionReport report;
};

bool has_answer(const Compared& each) {
  return std::any_of(each.report.rows.begin(), each.report.rows.end(),
                     [](const fit::ConventionRow& row) { return !row.rows.empty(); });
}

void log_refusals(const fit::ConventionReport& report, std::ostream& log) {
  for (const fit::ConventionRow& row : report.rows) {
    if (row.refused.empty()) continue;
    log << fmt::format("crosslaw: N = {}{}: no allocation: {}\n", row.params,
                       row.strategy.empty() ? "" : ", " + row.strategy, row.refused);
  }
}

std::string as_latex_comment(const std::string& lines) {
  std::string out;
  for (std::size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
    out += "% " + lines.substr(at, lines.find('\n', at) + 1 - at);
  }
  return out;
}

void print_csv(const std::vector<Compared>& all, std::ostream& out, std::ostream& log) {
  std::vector<fit::TablePart> parts;
  for (const Compared& each : all) {
    log << fit::spread_text(each.report);
    parts.push_back({{each.language}, fit::convention_csv(each.report)});
  }
  out << fit::render(fit::stacked({"language"}, parts), fit::TableFormat::kCsv);
}

void print_tables(const std::vector<Compared>& all, fit::TableFormat format, std::ostream& out) {
  for (const Compared& each : all) {
    const bool of_sweep = !each.language.empty();
    if (of_sweep) out << each.language << "\n\n";
    const std::string spread = fit::spread_text(each.report);
    out << fit::render(fit::convention_table(each.report), format)
        << (format == fit::TableFormat::kLatex ? as_latex_comment(spread) : "\n" + spread)
        << (of_sweep ? "\n" : "");
  }
}

nlohmann::ordered_json json_of(const std::vector<Compared>& all, const DataSourceOptions& source) {
  if (source.directory.empty()) {
    nlohmann::ordered_json out = fit::to_json(all.front().report);
    out["source"] = source.file.path;
    return out;
  }
  nlohmann::ordered_json languages = nlohmann::ordered_json::array();
  for (const Compared& each : all) {
    nlohmann::ordered_json one = fit::to_json(each.report);
    one["language"] = each.language;
    languages.push_back(std::move(one));
  }
  return {{"schema", 1}, {"languages", std::move(languages)}};
}

}  // namespace

void add_conventions_option(CLI::App& command, std::vector<std::string>& conventions) {
  command.option_defaults()->group("How to fit");
  add_word_list(command, "--n-conventions", conventions,
                "refit under each way to count N: all, or columns and sums of columns")
      ->type_name("all|A,A+B,...");
  command.option_defaults()->group("Options");
}

int run_n_conventions(const NConventionsOptions& options, std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.output);
  std::vector<Compared> all;
  for (const Counted& each : options.source.directory.empty()
                                 ? std::vector<Counted>{counted_in_file(options, log)}
                                 : counted_in_sweep(options, log)) {
    all.push_back(
        {each.language, fit::compare_conventions(each.points, each.settings, options.allocation)});
    if (format) log_refusals(all.back().report, log);
  }
  if (all.empty()) return 1;
  if (!format) {
    out << fit::pretty(json_of(all, options.source));
  } else if (format == fit::TableFormat::kCsv) {
    print_csv(all, out, log);
  } else {
    print_tables(all, *format, out);
  }
  return std::any_of(all.begin(), all.end(), has_answer) ? 0 : 1;
}

}  // namespace crosslaw::apps
