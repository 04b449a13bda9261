#pragma once

#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "apps/study/sweep_fits.h"
#include "fit/allocate/allocation.h"

namespace crosslaw::apps {

// Budgets that a sweep's tables show when none are asked for: steps of 1, 2, 5 from inside the
// measured compute (6ND, or exact) to one decade beyond.
std::vector<double> default_budgets(const Observations& observations, const LanguagePair& pair,
                                    bool exact_flops = false);

// Real sizes of the sweep's own ladder, N counted as in the observations; with exact_flops at the
// FLOPs a token that their runs cost.
std::vector<fit::LadderSize> ladder_of(const Observations& observations, bool exact_flops = false);

// The fit that an allocation goes by: the pair's choice where `law` is empty, of "chinchilla" the
// one of the scratch runs, else the one of that name. Null when the pair has none.
const NamedFit* fit_to_allocate(const PairFits& pair, const std::string& law);

// What a sweep says to an allocation of one of its languages.
struct SweepAllocation {
  NamedFit fit;
  std::string reason;           // why by this fit: the pair's choice, or that the law was asked for
  std::vector<double> budgets;  // default_budgets
  std::vector<fit::LadderSize> ladder;
};

// One for each language with a fit. With exact_flops budgets, fit and ladder count the exact FLOPs
// of the runs, not 6ND.
std::vector<SweepAllocation> sweep_allocations(const Observations& observations,
                                               const std::vector<PairFits>& fits,
                                               const std::string& law, bool exact_flops);

}  // namespace crosslaw::apps
