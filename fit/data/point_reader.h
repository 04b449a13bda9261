#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fit/data/data_file_options.h"
#include "fit/data/plausibility.h"
#include "fit/data/points.h"
#include "fit/data/record_table.h"
#include "fit/data/units.h"

namespace crosslaw::fit {

// A column, or several that are summed, with what each number is multiplied by. Cells that say "7B"
// themselves are not. No column: not in use, or derived.
struct Measured {
  std::vector<std::size_t> columns;
  std::vector<CountUnit> units;  // one a column
};

// The unit of a column in use that does not stand as it is.
struct ColumnUnit {
  CountUnit count;
  LossUnit loss = LossUnit::kUnsaid;
  bool in_name = false;  // the name of the column says it, and no flag or row of units
  std::string what;      // in words
  double in_use(double written) const;
};

// Reads rows into points by the columns that the options name; they and the records outlive it.
// Throws std::invalid_argument naming file, line and column.
class PointReader {
 public:
  PointReader(const Records& records, const DataFileOptions& options);

  // The columns that every point needs a value of.
  std::vector<std::size_t> needed() const;
  // These and what else tells points apart: stage and run.
  std::vector<std::size_t> used() const;
  std::size_t loss() const { return loss_; }
  // The columns of N, D, C and the loss.
  std::vector<std::size_t> measures() const;
  // A new name of a cluster is added to `clusters`.
  Point read(std::size_t row, std::vector<std::string>& clusters);
  // What plausibility.h judges the points of these rows by.
  PointSource source(std::vector<std::size_t> rows) const;
  // What numbers were multiplied by, and what follows from what, in words.
  void say_units(std::vector<std::string>& notes) const;

  // Absent: the column is not in use, or its numbers are used as they stand or times N.
  std::optional<ColumnUnit> unit_of(std::size_t column) const;
  LossUnit loss_unit() const { return loss_unit_; }
  bool derives_by_compute() const { return tokens_by_compute_ || params_by_compute_; }

 private:
  double counted(std::size_t row, const Measured& what, const Point& point) const;
  double finite(double value, std::size_t row, const Measured& what) const;
  double target_share_at(std::size_t row) const;
  double loss_at(std::size_t row, std::size_t column) const;
  int cluster_of(std::size_t row, std::vector<std::string>& clusters);

  const Records& records_;
  const DataFileOptions& options_;
  Measured params_, tokens_, unique_, compute_, base_;
  Measured per_param_;  // tokens a parameter, of kParamsByRatio
  bool tokens_by_compute_ = false, params_by_compute_ = false;
  std::vector<std::size_t> cluster_;
  std::size_t loss_ = 0;
  LossUnit loss_unit_ = LossUnit::kUnsaid;
  std::optional<std::size_t> weight_, stage_, share_, before_;
  bool replayed_ = false;  // share_ is that of the other text
  std::map<std::string, int> ids_;
};

}  // namespace crosslaw::fit
