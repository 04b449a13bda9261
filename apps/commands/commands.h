#pragma once

#include <string>

namespace CLI {
class App;
}

namespace crosslaw::apps {

// Each adds one subcommand whose callback sets the exit code. Bad input is thrown as
// std::invalid_argument, other failures as std::runtime_error.
void add_plan_command(CLI::App& app, int& exit_code);
void add_run_command(CLI::App& app, int& exit_code);
void add_export_jobs_command(CLI::App& app, int& exit_code);
void add_stop_command(CLI::App& app, int& exit_code);
void add_cancel_command(CLI::App& app, int& exit_code);
void add_retry_command(CLI::App& app, int& exit_code);
void add_logs_command(CLI::App& app, int& exit_code);
void add_status_command(CLI::App& app, int& exit_code);
void add_fit_command(CLI::App& app, int& exit_code);
void add_coeffs_command(CLI::App& app, int& exit_code);
void add_allocate_command(CLI::App& app, int& exit_code);
void add_design_command(CLI::App& app, int& exit_code);
void add_predict_command(CLI::App& app, int& exit_code);
void add_replay_command(CLI::App& app, int& exit_code);
void add_transfer_command(CLI::App& app, int& exit_code);
void add_forecast_command(CLI::App& app, int& exit_code);
void add_score_command(CLI::App& app, int& exit_code);
void add_init_command(CLI::App& app, int& exit_code);
void add_rates_command(CLI::App& app, int& exit_code);
void add_report_command(CLI::App& app, int& exit_code);
void add_export_command(CLI::App& app, int& exit_code);
void add_export_model_command(CLI::App& app, int& exit_code);
void add_atlas_command(CLI::App& app, int& exit_code);
void add_verify_command(CLI::App& app, int& exit_code);
void add_tokenize_command(CLI::App& app, int& exit_code);
void add_backup_command(CLI::App& app, int& exit_code);
void add_help_command(CLI::App& app, int& exit_code);
void add_doctor_command(CLI::App& app, int& exit_code);

// What --version prints behind the name: version and commit.
const std::string& build_text();

// The whole program: the exit code is 0, 1 for a failure, or 2 for bad input. `build` is what
// --version prints.
int run_crosslaw(int argc, char** argv, const std::string& build);

}  // namespace crosslaw::apps
