#include "apps/commands/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/commands/command_line_errors.h"
#include "apps/commands/command_line_lists.h"
#include "db/files/printable.h"
#include "db/files/standard_streams.h"

namespace crosslaw::apps {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kBadInput = 2;

std::string& known_build() {
  static std::string build;
  return build;
}

void add_commands(CLI::App& app, int& exit_code) {
  add_init_command(app, exit_code);
  add_plan_command(app, exit_code);
  add_run_command(app, exit_code);
  add_status_command(app, exit_code);
  add_logs_command(app, exit_code);
  add_stop_command(app, exit_code);
  add_cancel_command(app, exit_code);
  add_retry_command(app, exit_code);
  add_export_jobs_command(app, exit_code);
  add_fit_command(app, exit_code);
  add_coeffs_command(app, exit_code);
  add_allocate_command(app, exit_code);
  add_predict_command(app, exit_code);
  add_transfer_command(app, exit_code);
  add_replay_command(app, exit_code);
  add_forecast_command(app, exit_code);
  add_score_command(app, exit_code);
  add_design_command(app, exit_code);
  add_rates_command(app, exit_code);
  add_verify_command(app, exit_code);
  add_atlas_command(app, exit_code);
  add_report_command(app, exit_code);
  add_export_command(app, exit_code);
  add_export_model_command(app, exit_code);
  add_tokenize_command(app, exit_code);
  add_backup_command(app, exit_code);
  add_doctor_command(app, exit_code);
  add_help_command(app, exit_code);
}

int parse_and_run(int argc, char** argv, const std::string& build) {
  CLI::App app{
      "crosslaw: scaling-law sweeps from one command, with fits, intervals and compute-optimal "
      "allocations"};
  app.set_version_flag("--version", "crosslaw " + build);
  app.require_subcommand(1);
  int exit_code = kOk;
  add_commands(app, exit_code);
  try {
    std::vector<std::string> words = with_joined_lists({argv + 1, argv + argc});
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    throw std::invalid_argument(describe_parse_error(app, error));
  }
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "standard output cannot be written");
  }
  return exit_code;
}

}  // namespace

const std::string& build_text() { return known_build(); }

int run_crosslaw(int argc, char** argv, const std::string& build) {
  db::open_standard_streams();
  known_build() = build;
  try {
    return parse_and_run(argc, argv, build);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "crosslaw: {}\n", db::printable(error.what()));
    return kBadInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "crosslaw: {}\n", db::printable(error.what()));
    return kFailed;
  }
}

}  // namespace crosslaw::apps
