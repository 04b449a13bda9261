#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fit/points.h"
#include "fit/records.h"

namespace crosslaw::fit {

// Which columns of a file make points, and which rows.
struct DataFileOptions {
  std::string path;
  std::string params = "N";
  std::string tokens = "D";
  std::string loss = "loss";
  std::string weight;   // empty: every point weighs 1
  std::string cluster;  // empty: every point is a run of its own
  std::string stage;    // empty: all from scratch; else values "scratch" or "continued"
  // "COLUMN=VALUE"; also != < <= > >=. All must hold. Numbers are compared as numbers.
  std::vector<std::string> where;
};

struct DataFile {
  Points points;
  std::vector<std::string> clusters;  // name of each cluster id
  std::size_t rows = 0;               // in the file
  std::string format;
  std::string fingerprint;  // of the bytes of the file
};

// Throws std::invalid_argument, naming file, line and column, for: a file that parse_records
// refuses, a missing column, text, NaN or a number that is not positive in a used column of a row
// that the filter keeps, an unknown stage, a bad filter, a filter that keeps nothing.
DataFile read_data_file(const DataFileOptions& options);

// The same from text that is already in memory; options.path is its name.
DataFile parse_data(std::string_view text, const DataFileOptions& options);

}  // namespace crosslaw::fit
