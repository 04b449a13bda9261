#pragma once

#include "fit/data/record_table.h"

namespace crosslaw::fit {

// A line plot that W&B saved as CSV has a column for each run and metric, "run - metric", beside
// "run - metric__MIN" and "__MAX", and one row a step. Turns it into one row a run: column "run",
// the last x and the last value of each metric; where every run's name holds one size such as 125M
// (or two, the smaller first), those are columns "params_in_name" (and "tokens_in_name"). Says so
// in `notes`. Any other table is left as it is.
void turn_wide_export(Records& records);

}  // namespace crosslaw::fit
