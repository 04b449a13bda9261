#pragma once

#include <filesystem>
#include <string>

#include "apps/study/observations.h"
#include "db/run_store.h"

namespace crosslaw::apps {

// Writes the report of the sweep in `folder`, of which these are the observations; `command` is
// named in it as what made it.
void write_report(const db::RunStore& store, const Observations& observations,
                  const std::filesystem::path& folder, const std::filesystem::path& out,
                  const std::string& command);

}  // namespace crosslaw::apps
