#include "apps/commands/output_format.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <stdexcept>

#include "apps/charts/plot_file.h"

namespace crosslaw::apps {

void add_table_options(CLI::App& command, OutputOptions& options) {
  command.option_defaults()->group("What to print [text for people]");
  command.add_flag("--json", options.json, "one JSON object, numbers in full");
  command.add_flag("--csv", options.csv, "the table that is asked for as CSV, numbers in full");
  command.add_flag("--markdown", options.markdown, "the same, rounded, as a Markdown table");
  command.add_flag("--latex", options.latex, "the same, rounded, as a LaTeX tabular (booktabs)");
  command.add_flag("--wide", options.wide, "every column of a table, not only what fits a page");
}

void add_output_options(CLI::App& command, OutputOptions& options) {
  add_table_options(command, options);
  command
      .add_option("--plot", options.plot, "charts as well, into a file .svg, .png, .pdf or .html")
      ->type_name("FILE");
}

std::optional<fit::TableFormat> output_format(const OutputOptions& options) {
  if (options.json + options.csv + options.markdown + options.latex > 1) {
    throw std::invalid_argument("--json, --csv, --markdown and --latex exclude each other");
  }
  if (options.wide && options.json + options.csv + options.markdown + options.latex > 0) {
    throw std::invalid_argument(
        "--wide is for text: --json, --csv, --markdown and --latex have every column");
  }
  if (options.json) return std::nullopt;
  return options.csv        ? fit::TableFormat::kCsv
         : options.markdown ? fit::TableFormat::kMarkdown
         : options.latex    ? fit::TableFormat::kLatex
         : options.wide     ? fit::TableFormat::kWideText
                            : fit::TableFormat::kText;
}

void require_plot(const std::string& plot) {
  if (plot.empty()) return;
  charts::require_plot_name(plot);
  const std::filesystem::path folder = std::filesystem::path(plot).parent_path();
  std::error_code ignored;
  if (folder.empty() || std::filesystem::is_directory(folder, ignored)) return;
  throw std::invalid_argument(
      fmt::format("--plot {}: there is no folder {}; make it first", plot, folder.string()));
}

}  // namespace crosslaw::apps
