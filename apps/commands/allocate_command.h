#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/commands/fit_command.h"
#include "apps/study/ladder_file.h"
#include "fit/write/allocation_table.h"

namespace crosslaw::apps {

struct AllocateCommandOptions {
  std::string directory;     // of a sweep; the caller turns it into a fit
  DataFitOptions data;       // or a file to fit
  std::string fit_file;      // or the output of fit --json
  std::string coefficients;  // or "E=1.69,A=406.4,alpha=0.34,B=410.7,beta=0.28[,gamma=...]"
  std::vector<double> flops;
  fit::Limits limits;
  LadderFile ladder;          // real sizes; an empty path: none, or those of the sweep
  std::string count = "all";  // of a ladder of shapes: which parameters are N
  double flat_percent = 1;
  bool six_nd = false;       // C = 6ND although the points carry measured compute
  bool exact_flops = false;  // C is the exact FLOPs of a sweep's runs or of the ladder's sizes
  bool accept_unidentified = false;
  bool json = false;
  bool csv = false;
  bool markdown = false;
  bool latex = false;
  std::string plot;  // a file for charts, .svg or .html; empty: none
};

// A fit of typed-in coefficients: the law is the one that has exactly these. Throws
// std::invalid_argument.
fit::FitResult parse_coefficients(const std::string& text);

// Allocates and writes tables to `out`, warnings to `log`, charts to options.plot with the points
// of `origin`. `ladder` is used where options name no ladder file. Returns the exit code: 1 when
// every strategy is refused, with nothing on `out`.
int print_allocation(const fit::FitResult& fit, const AllocateCommandOptions& options,
                     std::vector<fit::LadderSize> ladder, std::ostream& out, std::ostream& log,
                     const DataOrigin& origin = {});

// The command with --data, --fit or --coefficients.
int run_allocate(const AllocateCommandOptions& options, std::ostream& out, std::ostream& log);

void add_allocate_command(CLI::App& app, int& exit_code);

}  // namespace crosslaw::apps
