#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "sweep/schedule/scheduler.h"

namespace crosslaw::apps {

// How far a sweep was when its process last said so: what `crosslaw status` shows is what
// `crosslaw run` counts, not a second count.
struct ProgressNote {
  double share = 0;  // of the work in time
  double elapsed_seconds = 0;
  std::optional<double> remaining_seconds;  // absent: no run has ended yet
  double flops_per_second = 0;              // since this process began
  std::string doing;                        // after the last run; empty: runs train
};

// What a process does with a sweep all of whose runs have ended.
inline constexpr const char* kConcluding = "fitting laws and writing the report";

// DIR/progress.json. An unreadable file, or none, is no note.
void write_progress(const std::filesystem::path& folder, const sweep::Progress& progress,
                    const std::string& doing = "");
std::optional<ProgressNote> read_progress(const std::filesystem::path& folder);
// A process that begins knows nothing of how far it is: what the one before wrote is gone.
void forget_progress(const std::filesystem::path& folder);

// "30 % of the work, 1 min 40 s so far at 1.2e11 FLOP/s, about 3 min 20 s left (3 min to 4 min)";
// `range`: factors of the remaining seconds. After the last run what is done now, and no time left.
std::string describe(const ProgressNote& note, std::pair<double, double> range);

}  // namespace crosslaw::apps
