#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fit/solve/spread.h"
#include "fit/write/table.h"

namespace crosslaw::fit {

// The next row of a CSV table: each value goes in under its own name, so that header and cells
// cannot come apart. The first row of a table writes the header as well.
class CsvRow {
 public:
  // `interval`: what stands between the name of an estimate and _low or _high, e.g. "_ci95".
  explicit CsvRow(Table& table, std::string interval = "")
      : table_(table), interval_(std::move(interval)), first_(table.rows.empty()) {}

  void add(const std::string& name, const std::string& value) {
    if (first_) table_.header.push_back(name);
    cells_.push_back(value);
  }

  // Unknown is an empty cell.
  void add(const std::string& name, std::optional<double> value) {
    add(name, value ? exact(*value) : std::string());
  }

  void add(const std::string& name, const Estimate& estimate) {
    const auto& range = estimate.ci95;
    add(name, estimate.value);
    add(name + interval_ + "_low", range ? std::optional(range->low) : std::nullopt);
    add(name + interval_ + "_high", range ? std::optional(range->high) : std::nullopt);
  }

  // Puts the row into the table; once, as the last call.
  void finish() { table_.rows.push_back(std::move(cells_)); }

 private:
  Table& table_;
  std::string interval_;
  bool first_;
  std::vector<std::string> cells_;
};

}  // namespace crosslaw::fit
