#pragma once

#include <iosfwd>
#include <optional>

#include "apps/commands/data_source.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/output_format.h"

namespace crosslaw::apps {

struct TransferCommandOptions {
  DataSourceOptions source;
  FittingOptions fitting;                         // of a file
  std::optional<double> source_tokens_per_param;  // of a file: what the source models had seen
  std::size_t sizes = 5;                          // shown one by one
  OutputOptions output;
};

// What continuing was worth: every language of a sweep by its stored fits, or a file with a column
// of stages. Returns 1 where nothing is continued. Throws std::invalid_argument.
int run_transfer(const TransferCommandOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
