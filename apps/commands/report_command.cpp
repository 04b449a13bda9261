#include "apps/commands/report_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands/commands.h"
#include "apps/report/report_data.h"
#include "apps/report/report_page.h"
#include "apps/study/sweep_folder.h"
#include "db/files/atomic_file.h"

namespace crosslaw::apps {
namespace {

struct ReportOptions {
  std::string folder;
  std::string out;
  bool json = false;
};

nlohmann::ordered_json page_data(const db::RunStore& store, const Observations& observations,
                                 const std::filesystem::path& folder, const std::string& command) {
  return report_data(store, observations, stored_fits(store, observations), command,
                     text_exposure(observations, folder));
}

int run_report(const ReportOptions& options) {
  db::RunStore store = read_store(options.folder);
  const Observations observations(store, ParamsCount::kAll);
  const std::string command = fmt::format("crosslaw report {}", options.folder);
  if (options.json) {
    if (!options.out.empty())
      throw std::invalid_argument("--json prints the page's data; --out writes the page");
    fmt::print("{}\n", page_data(store, observations, options.folder, command).dump());
    return 0;
  }
  std::filesystem::path out =
      options.out.empty() ? report_file(options.folder) : std::filesystem::path(options.out);
  const std::filesystem::path place = out.has_parent_path() ? out.parent_path() : ".";
  if (::access(place.c_str(), W_OK) != 0)
    throw std::runtime_error(
        fmt::format("{}: the report cannot be written there: {}; name another file with --out",
                    out.string(), std::strerror(errno)));
  write_report(store, observations, options.folder, out, command);
  fmt::print("{}\n", out.string());
  return 0;
}

}  // namespace

void write_report(const db::RunStore& store, const Observations& observations,
                  const std::filesystem::path& folder, const std::filesystem::path& out,
                  const std::string& command) {
  db::publish_file(out, render_report(page_data(store, observations, folder, command)));
}

void add_report_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app.add_subcommand(
      "report",
      "One HTML file with a sweep's curves, fits, tables and runs; of a running sweep too");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_option("--out", options->out, "The file to write (default: DIR/report.html)");
  command->add_flag("--json", options->json,
                    "The numbers of the page as one JSON object, and no page");
  command->callback([options, &exit_code] { exit_code = run_report(*options); });
}

}  // namespace crosslaw::apps
