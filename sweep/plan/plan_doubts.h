#pragma once

#include <string>
#include <vector>

#include "sweep/plan/planned_run.h"
#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// What a plan can be made of, and nobody means: rates at which training diverges, budgets that no
// model sees, rows of the vocabulary that no text fills. One sentence each, with the key.
std::vector<std::string> doubts_about(const SweepSpec& spec, const Plan& plan);

}  // namespace crosslaw::sweep
