#pragma once

#include <map>
#include <string>

#include "db/run_store.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::tests {

// The laws by which the losses of the planted sweep were drawn; continued runs have their own B,
// beta and gamma.
const std::map<std::string, double>& planted_values();

// The store of a sweep (40 sizes, three budgets, French from scratch and continued from English) in
// which every run of the plan was trained, as it would be left behind in the folder.
db::RunStore planted_store(const TempFolder& folder);

}  // namespace crosslaw::tests
