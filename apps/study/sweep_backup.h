#pragma once

#include <cstdint>
#include <filesystem>

namespace crosslaw::apps {

struct BackupSummary {
  int64_t files = 0;
  double bytes = 0;
};

// A copy of a sweep, consistent while the sweep runs: the database as of one instant, and then the
// files of runs, which only grow; what they have more is read again when the copy is run. Token
// shards and, unless asked for, checkpoints are left out: the first are made again from the text,
// without the second unfinished runs begin anew. `out` appears complete or not at all. Throws
// std::invalid_argument when it is there already or lies inside the sweep.
BackupSummary backup_sweep(const std::filesystem::path& folder, const std::filesystem::path& out,
                           bool with_checkpoints);

}  // namespace crosslaw::apps
