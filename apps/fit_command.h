#pragma once

#include <cstddef>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/frontier_methods.h"
#include "fit/data_file.h"
#include "fit/fitter.h"

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
};

// The flags that `fit` and `allocate` share: a file, its columns, and how to fit.
struct DataFitOptions {
  fit::DataFileOptions file;
  fit::FitOptions fit;
  std::optional<int> draws;  // absent: 1000, and 200 above 20,000 points
  std::string resampling;    // empty: clusters if there is a cluster column, else pairs
};

void add_data_options(CLI::App& command, DataFitOptions& options);

// Reads the file and fits; fills `origin`. Throws std::invalid_argument for bad input.
fit::FitResult fit_data(const DataFitOptions& options, DataOrigin& origin);

struct FitCommandOptions {
  std::string directory;        // of a sweep, instead of data.file
  std::string count = "all";    // of a sweep: which parameters are N
  std::string points = "auto";  // of a sweep: which losses are points
  DataFitOptions data;
  FrontierMethodOptions method;  // instead of a law
  bool json = false;
  bool csv = false;
  bool no_draws = false;  // leave the bootstrap draws out of the JSON
};

// Writes a fit to `out` as text, JSON or CSV, and its problems to `log` where `out` is for
// programs.
void print_fit(const fit::FitResult& fit, const DataOrigin& origin,
               const FitCommandOptions& options, std::ostream& out, std::ostream& log);

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

void add_fit_command(CLI::App& app, int& exit_code);

}  // namespace crosslaw::apps
