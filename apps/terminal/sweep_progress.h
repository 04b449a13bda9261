#pragma once

#include <string>

#include "sweep/schedule/scheduler.h"

namespace crosslaw::apps {

// How many runs of a sweep have ended, in any way.
std::int64_t finished_runs(const sweep::Progress& progress);

// "12/40 runs, 30 % of the work, 1 min 40 s so far, about 3 min 20 s left | fr 2.1M, seed 1". What
// is left is said once a run has ended: a typical speed may be wrong by any factor.
std::string describe(const sweep::Progress& progress);

}  // namespace crosslaw::apps
