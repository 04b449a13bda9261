#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/data/records.h"

namespace crosslaw::fit {

// Which columns of a file make points, and which rows.
struct DataFileOptions {
  std::string path;
  std::string params = "N";  // or a sum of columns, such as "blocks+embedding"
  std::string tokens = "D";
  std::string loss = "loss";
  std::string weight;   // empty: every point weighs 1
  std::string cluster;  // or several, "model+seed"; empty: every point is a run of its own
  std::string stage;    // empty: all from scratch; else values "scratch" or "continued"
  std::string unique;   // distinct tokens; empty: no token is seen twice
  std::string compute;  // training FLOPs; empty: 6 N D
  // "COLUMN=VALUE"; also != < <= > >=. All must hold. Numbers are compared as numbers.
  std::vector<std::string> where;
};

struct DataFile {
  Points points;
  std::vector<std::string> clusters;  // name of each cluster id
  std::vector<std::size_t> lines;     // of the file, 1-based, one a point
  std::size_t rows = 0;               // in the file
  std::string format;
  std::string fingerprint;  // of the bytes of the file
};

// The columns that a name of a sum such as "blocks+embedding" stands for.
std::vector<std::size_t> summed_columns(const Records& records, const std::string& sum);

// Whether a row of records satisfies "COLUMN=VALUE" (or != < <= > >=); one answer a row.
std::vector<bool> rows_with(const Records& records, const std::string& condition);

// Throws std::invalid_argument, naming file, line and column, for: a file that parse_records
// refuses, a missing column, text, NaN or a number that is not positive in a used column of a row
// that the filter keeps, an unknown stage, a bad filter, a filter that keeps nothing.
DataFile read_data_file(const DataFileOptions& options);

// The same from text that is already in memory; options.path is its name.
DataFile parse_data(std::string_view text, const DataFileOptions& options);

}  // namespace crosslaw::fit
