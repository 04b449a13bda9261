#pragma once

#include <vector>

#include "sweep/plan/planned_run.h"
#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"
#include "trainer/corpus/corpus.h"

namespace crosslaw::sweep {

// Ladder x budgets x strategies x replay x bases x seeds; reads nothing but the config.json of
// models of Hugging Face. Without a corpus the keys are not final, for they depend on the text.
// Throws SpecError for what cannot be trained (a budget below one batch).
Plan make_plan(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
               const trainer::Corpus* corpus);

}  // namespace crosslaw::sweep
