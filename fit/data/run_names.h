#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/data/records.h"

// Losses that were read along the same run, though no flag names the runs.
namespace crosslaw::fit {

struct TableRuns {
  std::string column;              // that names them; empty: consecutive rows are one run
  std::vector<int> of;             // the run of every point
  std::vector<std::string> names;  // of the runs
};

// Most rows are, three or more of a run, of one N at different D: by a column such as run or
// run_id; by one such as name or model where several of its values have the same N, for else it may
// name sizes; or, without one, rows of one N whose D grows by equal steps, as logs have it and no
// grid of runs. Absent: each row is a run.
std::optional<TableRuns> runs_in_table(const Records& records, const std::vector<std::size_t>& rows,
                                       const Points& points, const std::vector<std::size_t>& used);

// By how much log losses in the middle of runs lie above those of runs of the same N that end at
// that D: a schedule that decays late. The median; absent: fewer than three such pairs.
struct MidSchedule {
  double above = 0;
  std::size_t pairs = 0;
};
std::optional<MidSchedule> mid_schedule(const Points& points);

// What to do about losses before the ends of runs that a column names; "": none does.
std::string advice_on_ends(const std::string& column);
// Losses in mid-schedule that lie above those of ends by 1 % or more: a sentence.
std::optional<std::string> describe_mid_schedule(const Points& points, const std::string& column);

}  // namespace crosslaw::fit
