#include "apps/commands/conventions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <stdexcept>

#include "apps/commands/sweep_commands.h"
#include "apps/study/observations.h"
#include "apps/study/sweep_folder.h"
#include "fit/write/conventions_table.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

constexpr const char* kAll = "all";

std::vector<fit::CountedPoints> counted_in_file(const DataFitOptions& options) {
  const std::string text = fit::read_text(options.file.path);
  std::vector<std::string> expressions = options.conventions;
  if (expressions == std::vector<std::string>{kAll}) {
    const fit::Records records =
        fit::parse_records(text, options.file.path, {options.file.tokens, options.file.loss});
    expressions = fit::params_conventions(records, options.file);
  }
  std::vector<fit::CountedPoints> out;
  for (const std::string& expression : expressions) {
    fit::DataFileOptions file = options.file;
    file.params = expression;
    out.push_back({expression, fit::parse_data(text, file).points});
  }
  return out;
}

void print(const fit::ConventionReport& report, const ConventionsOptions& options,
           std::ostream& out, std::ostream& log) {
  for (const fit::ConventionRow& row : report.rows) {
    if (row.refused.empty()) continue;
    log << fmt::format("crosslaw: N = {}{}: no allocation: {}\n", row.params,
                       row.strategy.empty() ? "" : ", " + row.strategy, row.refused);
  }
  if (options.format == fit::TableFormat::kCsv) {
    out << fit::render(fit::convention_csv(report), fit::TableFormat::kCsv);
    log << fit::spread_text(report);
    return;
  }
  out << fit::render(fit::convention_table(report), *options.format);
  const std::string spread = fit::spread_text(report);
  if (options.format == fit::TableFormat::kLatex) {
    for (std::size_t at = 0; at < spread.size(); at = spread.find('\n', at) + 1) {
      out << "% " << spread.substr(at, spread.find('\n', at) + 1 - at);
    }
  } else {
    out << "\n" << spread;
  }
}

bool any_answer(const fit::ConventionReport& report) {
  return std::any_of(report.rows.begin(), report.rows.end(),
                     [](const fit::ConventionRow& row) { return !row.rows.empty(); });
}

int conventions_of_file(const ConventionsOptions& options, std::ostream& out, std::ostream& log) {
  const std::vector<fit::CountedPoints> counted = counted_in_file(options.data);
  const fit::FitOptions settings = fit_settings(options.data, counted.front().points.size());
  const fit::ConventionReport report =
      fit::compare_conventions(counted, settings, options.allocation);
  if (!options.format) {
    nlohmann::ordered_json json = fit::to_json(report);
    json["source"] = options.data.file.path;
    out << fit::pretty(json);
  } else {
    print(report, options, out, log);
  }
  return any_answer(report) ? 0 : 1;
}

// The language pairs of a sweep under one count, with exact compute on every point.
fit::FitOptions settings_of(const ConventionsOptions& options, const LanguagePair& pair) {
  fit::FitOptions out = options.data.fit;
  if (options.data.draws) out.draws = *options.data.draws;
  out.resampling = options.data.resampling.empty() ? fit::Resampling::kClusters
                                                   : fit::find_resampling(options.data.resampling);
  if (out.law.empty()) out.law = pair.continued.empty() ? "chinchilla" : fit::kTwoStageLaw;
  return out;
}

int conventions_of_sweep(const ConventionsOptions& options, std::ostream& out, std::ostream& log) {
  if (options.data.conventions != std::vector<std::string>{kAll}) {
    throw std::invalid_argument(
        "--n-conventions of a sweep must be all: all parameters, those without embeddings, and "
        "those that token budgets multiply");
  }
  const PointChoice choice = find_point_choice(options.points);
  db::RunStore store = read_store(options.directory);
  std::vector<Observations> counts;
  for (const ParamsCount count :
       {ParamsCount::kAll, ParamsCount::kWithoutEmbeddings, ParamsCount::kBudget}) {
    counts.emplace_back(store, count);
  }
  nlohmann::ordered_json all = {{"schema", 1}, {"languages", nlohmann::ordered_json::array()}};
  bool any = false;
  for (const LanguagePair& pair : counts.front().pairs()) {
    const fit::FitOptions settings = settings_of(options, pair);
    std::vector<fit::CountedPoints> counted;
    for (const Observations& observations : counts) {
      fit::Points points = observations.points(pair, choice, true);
      if (fit::law_of_fit(settings.law).parts.empty()) {
        points = fit::select_stage(points, fit::Stage::kScratch);
      }
      if (points.empty()) continue;
      counted.push_back({describe(observations.count()), std::move(points)});
    }
    if (counted.empty()) {
      log << fmt::format("crosslaw: {}: no finished run to fit\n", pair.label());
      continue;
    }
    const fit::ConventionReport report =
        fit::compare_conventions(counted, settings, options.allocation);
    any = any || any_answer(report);
    if (!options.format) {
      nlohmann::ordered_json json = fit::to_json(report);
      json["language"] = pair.label();
      all["languages"].push_back(std::move(json));
      continue;
    }
    if (options.format != fit::TableFormat::kCsv) out << pair.label() << "\n\n";
    print(report, options, out, log);
    out << "\n";
  }
  if (!options.format && any) out << fit::pretty(all);
  return any ? 0 : 1;
}

}  // namespace

int run_conventions(const ConventionsOptions& options, std::ostream& out, std::ostream& log) {
  if (!options.directory.empty()) return conventions_of_sweep(options, out, log);
  if (options.data.file.path.empty()) {
    throw std::invalid_argument(
        "--n-conventions refits, so it needs --data FILE or a sweep's folder");
  }
  return conventions_of_file(options, out, log);
}

}  // namespace crosslaw::apps
