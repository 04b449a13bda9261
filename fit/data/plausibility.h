#pragma once

#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/data/records.h"
#include "fit/data/units.h"

// Whether numbers can be what their columns are taken for: each used column against the others and
// against what language models are.
namespace crosslaw::fit {

// What no real model passes (the published tables, the demo of 8,000 parameters, models of 1 to 10
// trillion parameters), with room to spare.
inline constexpr double kFewestParams = 1000, kMostParams = 1e14;
inline constexpr double kFewestTokens = 1e4, kMostTokens = 1e17;

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

// A count that a flag says is right as it stands (--params-unit 1) is beyond doubt.
std::vector<Doubt> doubts_about(const Points& points, const PointSource& source);

}  // namespace crosslaw::fit
