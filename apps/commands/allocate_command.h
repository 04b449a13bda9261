#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/commands/data_source.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/given_fit.h"
#include "apps/commands/output_format.h"
#include "apps/study/ladder_file.h"
#include "fit/allocate/best_split.h"

namespace crosslaw::apps {

struct AllocateCommandOptions {
  DataSourceOptions source;  // a sweep's folder with its stored fits, or a file to fit
  GivenFitOptions given;     // or a fit that is there already
  FittingOptions fitting;
  std::vector<std::string> conventions;  // instead of one fit, one for each way to count N
  std::vector<double> flops;
  fit::Limits limits;
  LadderFile ladder;          // real sizes; an empty path: none, or those of the sweep
  std::string count = "all";  // of a ladder of shapes: which parameters are N
  double flat_percent = 1;
  bool six_nd = false;       // C = 6ND although the points carry measured compute
  bool exact_flops = false;  // C is the exact FLOPs of a sweep's runs or of the ladder's sizes
  bool accept_unidentified = false;
  OutputOptions output;
};

// Allocates and writes tables to `out`, warnings and the names of files written to `log`. A sweep
// is allocated by its stored fits over its own ladder and, without budgets, over those from inside
// the measured compute to one decade beyond. Returns the exit code: 1 when every strategy is
// refused, with nothing on `out`.
int run_allocate(const AllocateCommandOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
