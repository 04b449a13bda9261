#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sweep/estimate/timetable.h"

namespace crosslaw::sweep {

// Text of one language that the runs read without reading anything twice.
struct TextNeed {
  int64_t train_tokens = 0;  // of the run that reads the most
  std::string by;            // its name
  int64_t valid_tokens = 0;
};

struct SweepEstimate {
  std::vector<RunEstimate> runs;  // as Plan::runs
  Timetable timetable;
  double gpu_seconds = 0, dollars = 0;   // of the runs that can be trained; of a CPU, its slots'
  double gpu_seconds_saved = 0;          // by steps that runs share with their trunk
  std::map<std::string, TextNeed> text;  // by language
};

SweepEstimate estimate_sweep(const Plan& plan, const SweepSpec& spec, const Machine& machine);

// The same sweep with other numbers of GPUs a run: 1, 2, 4 ... up to a node, but never fewer than a
// run needs.
struct WiderRuns {
  int64_t gpus_per_run = 1;
  double wall_seconds = 0, critical_seconds = 0, gpu_seconds = 0, dollars = 0;
};
std::vector<WiderRuns> with_wider_runs(const Plan& plan, const SweepSpec& spec, Machine machine);

}  // namespace crosslaw::sweep
