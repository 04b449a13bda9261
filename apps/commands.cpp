#include "apps/commands.h"

#include "apps/allocate_command.h"
#include "apps/fit_command.h"

namespace crosslaw::apps {

void add_commands(CLI::App& app, int& exit_code) {
  add_plan_command(app, exit_code);
  add_run_command(app, exit_code);
  add_status_command(app, exit_code);
  add_fit_command(app, exit_code);
  add_coeffs_command(app, exit_code);
  add_allocate_command(app, exit_code);
  add_report_command(app, exit_code);
  add_export_command(app, exit_code);
  add_tokenize_command(app, exit_code);
  add_doctor_command(app, exit_code);
}

}  // namespace crosslaw::apps
