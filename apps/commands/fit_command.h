#pragma once

#include <cstddef>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/charts/strategies.h"
#include "apps/commands/fit_evidence.h"
#include "apps/commands/frontier_methods.h"
#include "fit/data/data_file.h"
#include "fit/solve/fitter.h"

namespace CLI {
class App;
}

namespace crosslaw::apps {

// Where the points of a fit came from, for the record that every output carries.
struct DataOrigin {
  std::string source;       // file or sweep directory
  std::string fingerprint;  // of the file's bytes; empty for a directory
  std::size_t rows = 0;     // observations there
  std::size_t used = 0;     // of which became points
  std::vector<std::string> where;
  std::string params_column;  // what N is
  std::string tokens_column;
  std::string loss_column;
  fit::DataFile data;  // the points, where each stands and what its run is called
};

// The flags that `fit` and `allocate` share: a file, its columns, and how to fit.
struct DataFitOptions {
  fit::DataFileOptions file;
  fit::FitOptions fit;
  std::optional<int> draws;              // absent: 1000, and 200 above 20,000 points
  std::string resampling;                // empty: clusters if there is a cluster column, else pairs
  std::vector<std::string> conventions;  // instead of one fit, one for each way to count N
};

void add_data_options(CLI::App& command, DataFitOptions& options);

// Throws std::invalid_argument naming the laws there are; empty is fine: a default.
void require_known_law(const std::string& law);

// The settings of a fit of so many points, defaults filled in. Throws std::invalid_argument.
fit::FitOptions fit_settings(const DataFitOptions& options, std::size_t points);

// Reads the file and fits; fills `origin`. Throws std::invalid_argument for bad input.
fit::FitResult fit_data(const DataFitOptions& options, DataOrigin& origin);

// Throws std::invalid_argument unless charts can be asked for: a good name, and data of a file.
void require_plot(const std::string& plot, const std::string& directory);

// The columns of the data, as charts name their axes.
charts::DataNames names_of(const DataOrigin& origin);

struct FitCommandOptions {
  std::string directory;        // of a sweep, instead of data.file
  std::string count = "all";    // of a sweep: which parameters are N
  std::string points = "auto";  // of a sweep: which losses are points
  DataFitOptions data;
  EvidenceOptions evidence;
  FrontierMethodOptions method;  // instead of a law
  bool json = false;
  bool csv = false;
  bool markdown = false;
  bool latex = false;
  bool exact_flops = false;  // of a sweep: points carry their exact FLOPs, not 6ND
  bool no_draws = false;     // leave the bootstrap draws out of the JSON
  std::string plot;          // a file for charts, .svg or .html; empty: none
};

// Writes a fit to `out` as text, JSON or a table, and its problems to `log` where `out` is for
// programs. `evidence` is printed with it.
void print_fit(const fit::FitResult& fit, const DataOrigin& origin,
               const FitCommandOptions& options, std::ostream& out, std::ostream& log,
               const Evidence& evidence = {});

nlohmann::ordered_json to_json(const DataOrigin& origin);

// Calls `fit`; what it finds wrong with the points is said of the file. Problems of options are
// thrown first, without it.
template <typename Fit>
auto about_file(const std::string& path, const std::vector<std::string>& option_problems,
                const Fit& fit) {
  if (!option_problems.empty()) throw std::invalid_argument(option_problems.front());
  try {
    return fit();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(path + ": " + error.what());
  }
}

// The command with --data. Returns the exit code.
int run_fit(const FitCommandOptions& options, std::ostream& out, std::ostream& log);

// How `fit` and `allocate` print; empty: JSON. Throws std::invalid_argument when more than one is
// asked for.
std::optional<fit::TableFormat> output_format(bool json, bool csv, bool markdown, bool latex);

void add_fit_command(CLI::App& app, int& exit_code);

}  // namespace crosslaw::apps
