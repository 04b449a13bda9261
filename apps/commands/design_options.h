#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/commands/fit_source.h"
#include "apps/commands/given_fit.h"
#include "apps/study/ladder_file.h"

namespace CLI {
class App;
}

namespace crosslaw::apps {

// Questions about runs that are not trained yet: which to add (add_flops given), else what a sweep
// of this design would tell.
struct DesignOptions {
  // The runs: a spec, or those of a file (which also gives the law), or a grid; one of them.
  std::string spec;
  fit::DataFileOptions file;
  std::string language;  // of the spec
  LadderFile ladder;     // real sizes, of the grid and of runs to add
  std::vector<double> tokens_per_param;

  GivenFitOptions given;  // the law that is taken for true
  FittingOptions fitting;
  // Absent: the scatter around the fit of the file, else 0.5 and 0.
  std::optional<double> noise_percent, run_noise_percent;
  int sweeps = 200;

  std::vector<double> flops;  // budgets of N*; empty: the largest compute of the runs
  std::optional<double> add_flops;
  std::string target = "N*";
  int most_runs = 20;
  bool json = false;
};

void add_design_options(CLI::App& command, DesignOptions& options);

// Throws std::invalid_argument for options that do not go together or are out of their bounds.
void check_design_options(const DesignOptions& options);

}  // namespace crosslaw::apps
