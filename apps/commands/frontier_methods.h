#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace crosslaw::apps {

struct FitCommandOptions;

// The flags of `fit --method`: compute-optimal sizes straight from the data, without a loss law.
struct FrontierMethodOptions {
  std::string method;  // "isoflop" or "envelope"; empty: fit a law
  double same_budget_percent = 5;
  double flat_percent = 1;
  std::vector<double> flops;  // budgets to answer
};

void add_method_options(CLI::App& command, FrontierMethodOptions& options);

// fit --method with --data. Returns the exit code: 1, with nothing on `out`, when no budget has a
// usable minimum. Throws std::invalid_argument.
int run_frontier_method(const FitCommandOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
