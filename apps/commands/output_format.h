#pragma once

#include <optional>
#include <string>

#include "fit/write/table.h"

namespace CLI {
class App;
}

namespace crosslaw::apps {

// How a command prints what it found: text for people unless one of the others is asked for.
struct OutputOptions {
  bool json = false;
  bool csv = false;
  bool markdown = false;
  bool latex = false;
  bool wide = false;  // text with every column, however wide
  std::string plot;   // a file for charts as well; empty: none
};

void add_output_options(CLI::App& command, OutputOptions& options);
void add_table_options(CLI::App& command, OutputOptions& options);  // the same without charts

// The form of the tables; empty: JSON. Throws std::invalid_argument when more than one is asked
// for.
std::optional<fit::TableFormat> output_format(const OutputOptions& options);

// Throws std::invalid_argument where the file for charts has a bad name or no folder: before a fit
// that takes minutes, not after it.
void require_plot(const std::string& plot);

}  // namespace crosslaw::apps
