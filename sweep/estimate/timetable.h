#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sweep/estimate/run_estimate.h"

namespace crosslaw::sweep {

struct TimetableEntry {
  double start = 0, end = 0;  // seconds since the sweep's start
  bool trained = false;       // false: it, or one that it starts from, cannot be trained there
};

struct Timetable {
  std::vector<TimetableEntry> runs;  // as Plan::runs
  double wall_seconds = 0;
  double busy_share = 0;  // of the machine's slots until then
  // The longest chain of runs of which each waits for the one before: however many GPUs there are,
  // the sweep takes so long.
  std::vector<std::size_t> critical_path;
  double critical_seconds = 0;
  double peak_disk_bytes = 0, final_disk_bytes = 0;
};

// List scheduling, the longest chain first (Hu 1961; never above twice the shortest, Graham 1966):
// what the scheduler does, on `count` GPUs or slots. The most urgent run that is ready waits for as
// many GPUs as it needs; none overtakes it.
Timetable make_timetable(const Plan& plan, const std::vector<RunEstimate>& estimates,
                         const SweepSpec& spec, int64_t count);

}  // namespace crosslaw::sweep
