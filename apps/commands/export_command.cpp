#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/commands/commands.h"
#include "apps/report/figure_tables.h"
#include "apps/report/report_data.h"
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
};

std::string observations_csv(db::RunStore& store) {
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
                                      "params_budget"};
  fit::Table table{columns, {}};
  // Continued runs come from a model of another language; a file's --stage reads the same words.
  const std::string stage =
      "CASE WHEN (SELECT source_language FROM run_results WHERE run_results.key = "
      "observations.key) "
      "IS NULL THEN 'scratch' ELSE 'continued' END";
  db::Statement rows(store.database(), fmt::format("SELECT {}, {} FROM observations",
                                                   fmt::join(columns, ", "), stage));
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

std::string figure_csv(const db::RunStore& store, const std::string& figure) {
  const Observations observations(store, ParamsCount::kAll);
  const std::vector<PairFits> fits = stored_fits(store, observations);
  return fit::render(figure_table(report_data(store, observations, fits, ""), figure),
                     fit::TableFormat::kCsv);
}

int run_export(const ExportOptions& options) {
  db::RunStore store = read_store(options.folder);
  const std::string csv =
      options.figure.empty() ? observations_csv(store) : figure_csv(store, options.figure);
  if (options.out.empty()) {
    fmt::print("{}", csv);
  } else {
    db::publish_file(options.out, csv);
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
                      fmt::format("Instead the numbers of a figure of the report: {}",
                                  fmt::join(figure_table_names(), ", ")));
  command->callback([options, &exit_code] { exit_code = run_export(*options); });
}

}  // namespace crosslaw::apps
