#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fit/data/records.h"
#include "fit/data/units.h"

namespace crosslaw::fit {

// Where points come from and what their columns were taken for.
struct PointSource {
  const Records& records;
  std::vector<std::size_t> rows;              // of the records, one a point
  std::string params, tokens, loss, compute;  // columns; compute: in use, or only there to compare
  CountUnit params_unit, tokens_unit, compute_unit;
  LossUnit loss_unit = LossUnit::kUnsaid;
  bool loss_by_flag = false;
  bool compute_in_use = false;
  std::vector<double> compute_flops;  // one a point where `compute` is a column; may be empty
};

// What a number looks like instead, and the flag that settles it.
struct Doubt {
  std::string sentence;
  bool grave = false;  // an answer from these numbers would be nonsense
};

}  // namespace crosslaw::fit
