#pragma once

#include <filesystem>
#include <optional>

#include "sweep/schedule/scheduler.h"

namespace crosslaw::apps {

// How far a sweep was when its process last said so: what `crosslaw status` shows is what
// `crosslaw run` counts, not a second count.
struct ProgressNote {
  double share = 0;  // of the work in time
  double elapsed_seconds = 0;
  std::optional<double> remaining_seconds;  // absent: no run has ended yet
  double flops_per_second = 0;              // since this process began
};

// DIR/progress.json. An unreadable file, or none, is no note.
void write_progress(const std::filesystem::path& folder, const sweep::Progress& progress);
std::optional<ProgressNote> read_progress(const std::filesystem::path& folder);

}  // namespace crosslaw::apps
