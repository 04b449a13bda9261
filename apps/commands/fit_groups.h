#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "apps/commands/data_source.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/output_format.h"

namespace crosslaw::apps {

// Fits the rows of each value of a column apart: one recipe, data set or architecture a group.
struct FitGroupsOptions {
  std::string by;  // the column
  DataSourceOptions source;
  FittingOptions fitting;
  std::optional<double> flops;  // to compare at; absent: the most that every group measured
  OutputOptions output;
};

// A line a group, and how much compute one saves against another, with intervals. Groups that
// cannot be fitted are said to `log`. Returns 1 where none can. Throws std::invalid_argument.
int run_fit_groups(const FitGroupsOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
