#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/commands/output_format.h"
#include "apps/study/replay_plan.h"

namespace crosslaw::apps {

struct ReplayCommandOptions {
  std::string folder;
  ReplayOptions plan;
  std::vector<std::string> runs;  // each N:D
  OutputOptions output;
};

// Plans the replay of every strategy of a sweep that was run with several shares. Returns 1 where
// there is none. Throws std::invalid_argument.
int run_replay(const ReplayCommandOptions& options, std::ostream& out, std::ostream& log);

}  // namespace crosslaw::apps
