#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "apps/commands/fit_command.h"
#include "fit/allocate/conventions.h"

namespace crosslaw::apps {

// --n-conventions of fit and allocate: the same fit under each way to count N and C.
struct ConventionsOptions {
  DataFitOptions data;                // data.conventions: "all", or columns and sums of columns
  std::string directory;              // of a sweep, instead of data.file; there only "all"
  std::string points = "auto";        // of a sweep, see FitCommandOptions
  fit::AllocationOptions allocation;  // budgets may be empty
  std::optional<fit::TableFormat> format = fit::TableFormat::kText;  // empty: JSON
};

// Returns the exit code: 1 when no convention gives an answer.
int run_conventions(const ConventionsOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
