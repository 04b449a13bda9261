#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fit/data/plausibility.h"
#include "fit/data/points.h"
#include "fit/data/records.h"
#include "fit/data/row_filter.h"

namespace crosslaw::fit {

// Which columns of a file make points, and which rows.
struct DataFileOptions {
  std::string path;
  std::string params;   // a column, or a sum of columns such as "blocks+embedding"; empty: guessed
  std::string tokens;   // empty: guessed, or C/(6N) where the file has compute and no tokens
  std::string loss;     // empty: guessed
  std::string weight;   // empty: every point weighs 1
  std::string cluster;  // or several, "model+seed"; empty: every point is a run of its own
  std::string stage;    // empty: all from scratch; else values "scratch" or "continued"
  std::string unique;   // distinct tokens; empty: no token is seen twice
  std::string compute;  // training FLOPs; empty: 6 N D
  // Of mixtures: the share of target text among D, or of the other text that is replayed (at most
  // one of the two); empty: all of D is target text.
  std::string ratio, replay;
  std::string base_tokens;  // seen by the model before; empty: unknown
  std::string loss_before;  // before training, in the unit of the loss; empty: unknown
  // "COLUMN=VALUE"; also != < <= > >=. All must hold. Numbers are compared as numbers.
  std::vector<std::string> where;
  // Units of the columns (units.h); empty: as the header says, else as they stand, the loss in
  // nats.
  std::string params_unit, tokens_unit, flops_unit, loss_unit;
  // Columns, or N and D for those in use: of rows that are equal in them the one with the smallest
  // loss is the point, or their mean is. At most one of the two.
  std::vector<std::string> best_of, mean_of;
  bool drop_missing = false;  // rows without a value in a used column are left out, and counted
};

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

// The columns that a name of a sum such as "blocks+embedding" stands for.
std::vector<std::size_t> summed_columns(const Records& records, const std::string& sum);

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
