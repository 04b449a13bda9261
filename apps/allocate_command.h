#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/fit_command.h"
#include "fit/allocation_table.h"

namespace crosslaw::apps {

struct AllocateCommandOptions {
  std::string directory;     // of a sweep; the caller turns it into a fit
  DataFitOptions data;       // or a file to fit
  std::string fit_file;      // or the output of fit --json
  std::string coefficients;  // or "E=1.69,A=406.4,alpha=0.34,B=410.7,beta=0.28[,gamma=...]"
  std::vector<double> flops;
  std::string ladder_file;  // columns name, params and, if wanted, flops_per_token
  double flat_percent = 1;
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

std::vector<fit::LadderSize> read_ladder(const std::string& path);

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
