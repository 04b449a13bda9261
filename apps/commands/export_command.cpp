#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>

#include "apps/commands/commands.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/text_table.h"
#include "db/files/atomic_file.h"

namespace crosslaw::apps {
namespace {

struct ExportOptions {
  std::string folder;
  std::string out;
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
                                      "outcome"};
  TextTable table(columns);
  db::Statement rows(store.database(),
                     fmt::format("SELECT {} FROM observations", fmt::join(columns, ", ")));
  while (rows.step()) {
    std::vector<std::string> row;
    for (int c = 0; c < static_cast<int>(columns.size()); ++c)
      row.push_back(rows.is_null(c)   ? ""
                    : rows.is_real(c) ? fmt::format("{}", rows.real(c))
                                      : rows.text(c));
    table.add(row);
  }
  return table.csv();
}

int run_export(const ExportOptions& options) {
  db::RunStore store = read_store(options.folder);
  std::string csv = observations_csv(store);
  if (options.out.empty()) {
    fmt::print("{}", csv);
  } else {
    trainer::publish_file(options.out, csv);
  }
  return 0;
}

}  // namespace

void add_export_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand(
      "export", "Write the observations of a sweep as CSV: a row for each validation loss");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_option("--out", options->out, "The file to write; standard output without it");
  command->callback([options, &exit_code] { exit_code = run_export(*options); });
}

}  // namespace crosslaw::apps
