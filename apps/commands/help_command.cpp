#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "apps/commands/commands.h"
#include "db/schema_guide.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

struct HelpOptions {
  std::string topic;
  bool json = false;
};

std::string schema_text() {
  std::string text = fit::wrapped(
      "crosslaw.db is a SQLite database. Read it freely, also while the sweep runs; write it "
      "never. NULL is what is not known. The views are made for you.");
  text += "\n";
  for (const db::TableGuide& table : db::schema_guide()) {
    fit::Table columns{{"column", "unit", "meaning"}, {}, "lll"};
    for (const db::ColumnGuide& column : table.columns)
      columns.rows.push_back({column.name, column.unit, column.meaning});
    text += fmt::format("\n{} {}: one row {}\n{}", table.view ? "view" : "table", table.name,
                        table.row, fit::render(columns, fit::TableFormat::kWideText));
  }
  return text;
}

nlohmann::json schema_json() {
  nlohmann::json tables = nlohmann::json::array();
  for (const db::TableGuide& table : db::schema_guide()) {
    nlohmann::json columns = nlohmann::json::array();
    for (const db::ColumnGuide& column : table.columns)
      columns.push_back(
          {{"name", column.name}, {"unit", column.unit}, {"meaning", column.meaning}});
    tables.push_back({{"name", table.name},
                      {"kind", table.view ? "view" : "table"},
                      {"row", table.row},
                      {"columns", columns}});
  }
  return {{"schema", 1}, {"tables", tables}};
}

int run_help(const HelpOptions& options, const CLI::App& app) {
  if (options.topic == "schema") {
    fmt::print("{}", options.json ? schema_json().dump() + "\n" : schema_text());
    return 0;
  }
  if (options.topic.empty()) {
    fmt::print("{}", app.help());
    return 0;
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() != options.topic) continue;
    fmt::print("{}", command->help());
    return 0;
  }
  throw std::invalid_argument(
      fmt::format("help {}: there is no such command; crosslaw help lists them, crosslaw help "
                  "schema explains "
                  "the database",
                  options.topic));
}

}  // namespace

void add_help_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<HelpOptions>();
  CLI::App* command =
      app.add_subcommand("help", "Explain a command, or with schema the sweep's database");
  command->add_option("topic", options->topic, "A command, or schema");
  command->add_flag("--json", options->json, "The schema as one JSON object");
  command->callback([options, &exit_code, &app] { exit_code = run_help(*options, app); });
}

}  // namespace crosslaw::apps
