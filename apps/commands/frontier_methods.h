#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/commands/data_source.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/output_format.h"

namespace crosslaw::apps {

// The flags of `fit --method`: compute-optimal sizes straight from the data, without a loss law.
struct FrontierMethodOptions {
  std::string method;  // "isoflop" or "envelope"; empty: fit a law
  double same_budget_percent = 5;
  double flat_percent = 1;
  std::vector<double> flops;  // budgets to answer
};

void add_method_options(CLI::App& command, FrontierMethodOptions& options);

// fit --method: of the file, or of each strategy of the sweep. Returns the exit code: 1, with
// nothing on `out`, when no budget has a usable minimum. Throws std::invalid_argument.
int run_frontier_method(const FrontierMethodOptions& options, const DataSourceOptions& source,
                        const FittingOptions& fitting, const OutputOptions& output,
                        std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
