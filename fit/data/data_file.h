#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fit/data/data_file_options.h"
#include "fit/data/plausibility.h"
#include "fit/data/points.h"
#include "fit/data/records.h"
#include "fit/data/row_filter.h"

namespace crosslaw::fit {

struct DataFile {
  Points points;
  std::vector<std::string> clusters;     // name of each cluster id
  std::vector<std::size_t> lines;        // of the file, 1-based, one a point
  std::vector<std::size_t> record_rows;  // of parse_records(), one a point
  std::size_t rows = 0;                  // in the file
  std::string format;
  std::string fingerprint;         // of the bytes of the file
  DataFileOptions used;            // the options with the columns that were guessed
  std::string loss_unit;           // of the points' losses, in words
  std::vector<std::string> notes;  // what was taken, and what was left out by which rule
  std::vector<Doubt> doubts;       // what the numbers look like instead
};

// The options with a column for each that is empty; what was taken is added to `notes`. A file of
// `crosslaw export` gives the losses at the ends of the runs of one language, with stages. Throws
// std::invalid_argument where nothing can be guessed.
DataFileOptions with_guessed_columns(const Records& records, DataFileOptions options,
                                     std::vector<std::string>& notes);

// Throws std::invalid_argument, naming file, line and column, for: a file that parse_records
// refuses, a missing column, text, a missing value (without drop_missing) or a number that is not
// positive in a used column of a row that the filter keeps, an unknown stage, a bad filter, a
// filter that keeps nothing. Equal rows count once unless weights or clusters are named.
DataFile read_data_file(const DataFileOptions& options);

// The same from text that is already in memory; options.path is its name.
DataFile parse_data(std::string_view text, const DataFileOptions& options);

}  // namespace crosslaw::fit
