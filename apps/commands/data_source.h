#pragma once

#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/charts/strategies.h"
#include "apps/study/dataset.h"
#include "fit/data/data_file.h"

namespace CLI {
class App;
}

namespace crosslaw::apps {

// Where points come from: a sweep's folder, or a file ("-": standard input) with its columns.
struct DataSourceOptions {
  std::string directory;
  std::string count = "all";    // of a sweep: which parameters are N
  std::string points = "auto";  // of a sweep: which losses are points
  bool exact_flops = false;     // of a sweep: points carry their exact FLOPs, not 6ND
  fit::DataFileOptions file;
};

void add_file_options(CLI::App& command, fit::DataFileOptions& file);
void add_sweep_options(CLI::App& command, DataSourceOptions& options);

// What stands where a sweep's folder may stand is a file if it is one, or "-", or has the ending of
// a table.
void take_positional_file(DataSourceOptions& options);

// Throws std::invalid_argument where flags say how to read a file and there is none.
void require_file_for_flags(const fit::DataFileOptions& file);

// Flags that the source would ignore, or no source, or two: std::invalid_argument, before anything
// is read.
void check_data_source(const DataSourceOptions& options);

// The file's points. What was taken and left out, and doubts about it, go to `log`. Throws
// std::invalid_argument.
Dataset read_file(const fit::DataFileOptions& file, std::ostream& log = std::cerr);

// Points that were trained in one way.
struct Strategy {
  std::string name;  // of a sweep's strategy; empty: of a file, which is taken whole
  Dataset data;
};
// Those of the file, or of each language of the sweep those from scratch and those continued.
// Throws std::invalid_argument.
std::vector<Strategy> read_strategies(const DataSourceOptions& options,
                                      std::ostream& log = std::cerr);

// What every output says of the data.
nlohmann::ordered_json to_json(const Dataset& data);
std::string describe(const Dataset& data);  // "runs.csv: 240 of 245 rows"

// What charts call their axes: the columns of a file; of a sweep N, D and loss say enough.
charts::DataNames names_of(const Dataset& data);

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

}  // namespace crosslaw::apps
