#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/commands/data_source.h"
#include "apps/commands/fit_evidence.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/frontier_methods.h"
#include "apps/commands/output_format.h"

namespace crosslaw::apps {

struct FitCommandOptions {
  DataSourceOptions source;
  FittingOptions fitting;
  std::vector<std::string> conventions;  // instead of one fit, one for each way to count N
  FrontierMethodOptions method;          // instead of a law
  EvidenceOptions evidence;
  std::string by;  // a column: a fit for each of its values, and their ratios
  OutputOptions output;
  bool no_draws = false;  // leave the bootstrap draws out of the JSON
  bool verbose = false;   // what stands behind the certificate of a fit
};

// Fits the source and writes what it found to `out`; what takes time, problems where `out` is for
// programs, and files written go to `log`. Returns the exit code: 1 when there is nothing to print.
// Throws std::invalid_argument for bad input, before anything is on `out`.
int run_fit(const FitCommandOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
