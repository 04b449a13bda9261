#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "fit/data/points.h"
#include "fit/data/records.h"

namespace crosslaw::fit {

// Indices of points, ascending.
struct HoldoutSplit {
  std::vector<int> train;
  std::vector<int> test;
};

struct HoldoutPlan {
  std::string rule;                  // in words
  std::vector<HoldoutSplit> splits;  // one; several for a rollout, whose tests do not overlap
  std::vector<std::string> notes;    // what a reader must know about the split
};

// Along which a run may lie beyond others: C = training_flops(), N or D.
struct ScaleAxis {
  std::string_view name;  // "compute", "params", "tokens"
  std::string_view symbol;
  double usual_factor;  // that is held out of the largest
  double (*value)(const Point&);
};
const std::array<ScaleAxis, 3>& scale_axes();

// Splits by a rule:
//   largest-AXIS[:FACTOR]  test above the largest / FACTOR; unless given, 10 of C, sqrt(10) of N
//                          and D
//   rollout-AXIS           train on the lower half and test on the next eighth of the points, and
//   so
//                          on with 5/8, 6/8 and 7/8 of them
// AXIS is compute, params or tokens, and "rollout" that of compute. Where the factor is not given
// and would leave less than 3/4 of the points, the largest quarter is the test. Points of the same
// value stay together. Throws std::invalid_argument for an unknown rule, a factor that is not above
// 1, and when nothing is left to train or to test on.
HoldoutPlan split_by_rule(const Points& points, std::string_view rule);

// Tests on the points marked true. `rule` is only repeated. Throws when all or none are.
HoldoutPlan split_by_rows(const Points& points, const std::vector<bool>& held_out,
                          std::string rule);

// Of some rows of the records, in order: does any of the conditions hold?
std::vector<bool> rows_with_any(const Records& records, const std::vector<std::size_t>& rows,
                                const std::vector<std::string>& conditions);

// The rules that there are, as help and errors name them: "largest-compute[:FACTOR], ...".
inline constexpr std::string_view kHoldoutRules =
    "largest-compute[:FACTOR], largest-params[:FACTOR], largest-tokens[:FACTOR], rollout, "
    "rollout-params, rollout-tokens";

// Is this a rule, rather than a condition on a column?
bool names_holdout_rule(std::string_view text);

}  // namespace crosslaw::fit
