#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/commands/commands.h"
#include "apps/study/sweep_backup.h"
#include "apps/terminal/quantities.h"

namespace crosslaw::apps {
namespace {

struct BackupOptions {
  std::string folder, out;
  bool with_checkpoints = false;
};

int run_backup(const BackupOptions& options) {
  const BackupSummary summary = backup_sweep(options.folder, options.out, options.with_checkpoints);
  fmt::print("{}: the database and {} files, {}; crosslaw run SPEC --dir {} goes on from there\n",
             options.out, summary.files, format_bytes(summary.bytes), options.out);
  return 0;
}

}  // namespace

void add_backup_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<BackupOptions>();
  CLI::App* command = app.add_subcommand(
      "backup", "Copy a sweep, also while it runs: the database and the small files of its runs");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_option("out", options->out, "The folder to make")->required();
  command->add_flag("--with-checkpoints", options->with_checkpoints,
                    "Checkpoints, too; without them unfinished runs begin anew");
  command->callback([options, &exit_code] { exit_code = run_backup(*options); });
}

}  // namespace crosslaw::apps
