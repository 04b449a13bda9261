#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/commands/data_source.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/output_format.h"
#include "fit/allocate/allocation.h"

namespace crosslaw::apps {

// --n-conventions of fit and allocate: the same fit under each way to count N and C.
struct NConventionsOptions {
  // "all", or columns and sums of columns of the file; empty: not asked for.
  std::vector<std::string> conventions;
  DataSourceOptions source;
  FittingOptions fitting;
  fit::AllocationOptions allocation;  // budgets may be empty
  OutputOptions output;
};

void add_conventions_option(CLI::App& command, std::vector<std::string>& conventions);

// Returns the exit code: 1 when no convention gives an answer.
int run_n_conventions(const NConventionsOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
