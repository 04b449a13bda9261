#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "apps/commands/fit_command.h"
#include "apps/study/ladder_file.h"
#include "fit/allocate/next_runs.h"
#include "fit/allocate/simulation.h"

namespace crosslaw::apps {

// Questions about runs that are not trained yet: which to add (add_flops given), else what a sweep
// of this design would tell.
struct DesignOptions {
  // The runs: a spec, or those of a file (which also gives the law), or a grid; one of them.
  std::string spec;
  DataFitOptions data;
  std::string language;  // of the spec
  LadderFile ladder;     // real sizes, of the grid and of runs to add
  std::vector<double> tokens_per_param;

  // The law that is taken for true.
  std::string coefficients;
  std::string fit_file;
  // Absent: the scatter around the fit of the file, else 0.5 and 0.
  std::optional<double> noise_percent, run_noise_percent;
  int sweeps = 200;

  std::vector<double> flops;  // budgets of N*; empty: the largest compute of the runs
  double add_flops = 0;
  std::string target = "N*";
  int most_runs = 20;
  bool json = false;
};

// Throws std::invalid_argument for bad input, before anything is on `out`.
int run_design(const DesignOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
