#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "apps/commands/commands.h"
#include "apps/report/figure_tables.h"
#include "apps/report/report_data.h"
#include "apps/study/choice_accuracy.h"
#include "apps/study/sweep_folder.h"
#include "db/files/atomic_file.h"
#include "db/files/printable.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

struct ExportOptions {
  std::string folder;
  std::string out;
  std::string figure;
  bool every_text = false;
  bool choices = false;
  bool attempts = false, json = false;
};

std::string observations_csv(db::RunStore& store, bool every_text) {
  std::vector<std::string> columns = {"strategy",
                                      "language",
                                      "size",
                                      "seed",
                                      "replay",
                                      "params_embedding",
                                      "params_unembedding",
                                      "params_blocks",
                                      "params_norms",
                                      "tokens_target",
                                      "tokens_source",
                                      "tokens_total",
                                      "flops",
                                      "loss_nats",
                                      "loss_nats_per_byte",
                                      "end_of_schedule",
                                      "step",
                                      "run",
                                      "outcome",
                                      "key",
                                      "params_budget",
                                      "tokens_base",
                                      "base_tokens_per_param",
                                      "base_phase",
                                      "bits_per_byte",
                                      "valid_tokens",
                                      "seen_tokens",
                                      "loss_seen_nats",
                                      "loss_clean_nats"};
  if (every_text) columns.insert(columns.begin() + 2, {"source_language", "valid_language"});
  fit::Table table{columns, {}};
  // Continued runs come from a model of another language; a file's --stage reads the same words.
  const std::string stage = "CASE WHEN source_language IS NULL THEN 'scratch' ELSE 'continued' END";
  db::Statement rows(store.database(),
                     fmt::format("SELECT {}, {} FROM {}", fmt::join(columns, ", "), stage,
                                 every_text ? "losses" : "observations"));
  columns.emplace_back("stage");
  table.header.emplace_back("stage");
  while (rows.step()) {
    std::vector<std::string> row;
    for (int c = 0; c < static_cast<int>(columns.size()); ++c)
      row.push_back(rows.is_null(c)   ? ""
                    : rows.is_real(c) ? fit::exact(rows.real(c))
                                      : db::printable(rows.text(c)));
    table.rows.push_back(std::move(row));
  }
  return fit::render(table, fit::TableFormat::kCsv);
}

std::string choices_csv(db::RunStore& store) {
  std::vector<std::string> columns = {"choices",
                                      "strategy",
                                      "language",
                                      "source_language",
                                      "replay",
                                      "base_tokens_per_param",
                                      "size",
                                      "seed",
                                      "tokens_target",
                                      "tokens_source",
                                      "loss_nats",
                                      "questions",
                                      "correct",
                                      "correct_by_byte",
                                      "answer_nats_per_byte",
                                      "run",
                                      "key"};
  fit::Table table{columns, {}};
  for (const char* by : {"accuracy", "accuracy_by_byte"}) {
    for (const char* end : {"", "_low", "_high"}) table.header.push_back(std::string(by) + end);
  }
  db::Statement rows(store.database(),
                     fmt::format("SELECT {} FROM choice_scores", fmt::join(columns, ", ")));
  while (rows.step()) {
    std::vector<std::string> row;
    for (int c = 0; c < static_cast<int>(columns.size()); ++c)
      row.push_back(rows.is_null(c)   ? ""
                    : rows.is_real(c) ? fit::exact(rows.real(c))
                                      : rows.text(c));
    for (int correct : {12, 13}) {
      const Accuracy share = accuracy(rows.integer(correct), rows.integer(11));
      for (double value : {share.share, share.low, share.high}) row.push_back(fit::exact(value));
    }
    table.rows.push_back(std::move(row));
  }
  return fit::render(table, fit::TableFormat::kCsv);
}

// "'run', run, 'key', key, ..." of json_object(); the trainer's own words are JSON already.
std::string pairs_of(const std::vector<std::string>& columns) {
  std::string pairs;
  for (const std::string& column : columns)
    pairs += fmt::format("{}'{}', {}", pairs.empty() ? "" : ", ", column,
                         column == "provenance" ? "json(provenance)" : column);
  return pairs;
}

std::vector<std::string> attempt_columns(const db::RunStore& store) {
  std::vector<std::string> columns;
  db::Statement rows(store.database(), "SELECT name FROM pragma_table_info('attempts')");
  while (rows.step()) columns.push_back(rows.text(0));
  return columns;
}

// The view attempts: where each attempt trained, by which program, on what, for how long.
std::string attempts_csv(const db::RunStore& store) {
  fit::Table table{attempt_columns(store), {}};
  db::Statement rows(store.database(), "SELECT * FROM attempts");
  while (rows.step()) {
    std::vector<std::string> row;
    for (int c = 0; c < static_cast<int>(table.header.size()); ++c)
      row.push_back(rows.is_null(c)   ? ""
                    : rows.is_real(c) ? fit::exact(rows.real(c))
                                      : rows.text(c));
    table.rows.push_back(std::move(row));
  }
  return fit::render(table, fit::TableFormat::kCsv);
}

std::string attempts_json(const db::RunStore& store) {
  const std::vector<std::string> columns = attempt_columns(store);
  nlohmann::json attempts = nlohmann::json::array();
  // SQLite tells numbers from texts, so it writes them; what the trainer said is JSON already.
  db::Statement rows(store.database(),
                     "SELECT json_object(" + pairs_of(columns) + ") FROM attempts");
  while (rows.step()) attempts.push_back(nlohmann::json::parse(rows.text(0)));
  return nlohmann::json{{"schema", 1}, {"attempts", attempts}}.dump() + "\n";
}

nlohmann::ordered_json page_numbers(const db::RunStore& store, const std::string& sweep) {
  const Observations observations(store, ParamsCount::kAll);
  return report_data(store, observations, stored_fits(store, observations), "",
                     text_exposure(observations, sweep));
}

std::string figure_csv(const nlohmann::ordered_json& data, const std::string& figure) {
  return fit::render(figure_table(data, figure), fit::TableFormat::kCsv);
}

// Each figure that has numbers as FOLDER/NAME.csv, and the names of these files as a list.
std::string every_figure(const db::RunStore& store, const std::string& sweep,
                         const std::filesystem::path& folder) {
  if (folder.empty())
    throw std::invalid_argument("--figure all: writes a file a figure; name the folder with --out");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw std::invalid_argument(
        fmt::format("--out {}: cannot be made: {}", folder.string(), error.message()));
  const nlohmann::ordered_json data = page_numbers(store, sweep);
  std::string written;
  for (const std::string& name : figure_table_names()) {
    const std::string text = figure_csv(data, name);
    if (text.find_first_not_of('\n') == std::string::npos) continue;  // nothing of this was run
    const std::filesystem::path file = folder / (name + ".csv");
    db::publish_file(file, text);
    written += file.string() + "\n";
  }
  return written;
}

std::string text_of(const ExportOptions& options, db::RunStore& store) {
  if (options.json && !options.attempts)
    throw std::invalid_argument("--json: goes with --attempts; everything else is CSV");
  if (options.attempts && !options.figure.empty())
    throw std::invalid_argument("--attempts: goes without --figure");
  if (options.attempts) return options.json ? attempts_json(store) : attempts_csv(store);
  if (options.choices) return choices_csv(store);
  return options.figure.empty() ? observations_csv(store, options.every_text)
                                : figure_csv(page_numbers(store, options.folder), options.figure);
}

int run_export(const ExportOptions& options) {
  db::RunStore store = read_store(options.folder);
  if (options.figure == "all" && !options.attempts) {
    fmt::print("{}", every_figure(store, options.folder, options.out));
    return 0;
  }
  const std::string text = text_of(options, store);
  if (options.out.empty()) {
    fmt::print("{}", text);
  } else {
    db::publish_file(options.out, text);
  }
  return 0;
}

}  // namespace

void add_export_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand(
      "export", "Write a sweep as CSV: a row for each validation loss, or the numbers of a figure");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_option("--out", options->out, "The file to write; standard output without it");
  command->add_option("--figure", options->figure,
                      fmt::format("Instead the numbers of a figure of the report: {}; or all, "
                                  "a file each in the folder --out",
                                  fmt::join(figure_table_names(), ", ")));
  command->add_flag(
      "--every-text", options->every_text,
      "Also the losses on the source language's text, and those before the first step");
  command->add_flag("--choices", options->choices,
                    "Instead the answers to multiple-choice questions, with 95 % intervals");
  command->add_flag("--attempts", options->attempts,
                    "Instead each start of a trainer: program, data, host, GPU, times, outcome");
  command->add_flag("--json", options->json, "With --attempts: one JSON object");
  command->callback([options, &exit_code] { exit_code = run_export(*options); });
}

}  // namespace crosslaw::apps
