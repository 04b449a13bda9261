#pragma once

#include <vector>

#include "apps/study/observations.h"
#include "fit/allocate/allocation.h"

namespace crosslaw::apps {

// Budgets that a sweep's tables show when none are asked for: steps of 1, 2, 5 from inside the
// measured compute (6ND, or exact) to one decade beyond.
std::vector<double> default_budgets(const Observations& observations, const LanguagePair& pair,
                                    bool exact_flops = false);

// Real sizes of the sweep's own ladder, N counted as in the observations; with exact_flops at the
// FLOPs a token that their runs cost.
std::vector<fit::LadderSize> ladder_of(const Observations& observations, bool exact_flops = false);

}  // namespace crosslaw::apps
