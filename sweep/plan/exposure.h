#pragma once

#include <vector>

#include "sweep/plan/planned_run.h"
#include "trainer/corpus/corpus.h"

namespace crosslaw::sweep {

// What share of its own validation text a run is expected to have seen when it ends, by the
// passages that training texts hold of it: each in proportion to how much of that text the run, and
// the models that it continues, have read. `runs` are those planned before it.
double valid_seen_share(const std::vector<PlannedRun>& runs, const PlannedRun& run,
                        const trainer::Corpus& corpus);

}  // namespace crosslaw::sweep
