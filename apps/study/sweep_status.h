#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/run_store.h"
#include "sweep/spec/gpu_file.h"

namespace crosslaw::apps {

// A run that trains, or that did when its sweep was last looked after.
struct LiveRun {
  std::string name;
  int64_t step = 0, steps = 0;
  std::optional<double> loss_nats;  // the last validation loss on its own language
  double tokens_per_second = 0;
  std::optional<double> utilisation;  // model FLOPs utilisation, where the GPU's peak is known
  std::string where;                  // GPU, node or cpu
  double seconds = 0;                 // since it was started
};

// How a sweep stands.
struct SweepStatus {
  std::string name, holder;  // holder: empty when nobody runs the sweep
  std::map<std::string, std::map<std::string, int64_t>> outcomes;  // strategy -> outcome -> runs
  std::vector<LiveRun> live;
  int64_t left_alone = 0;                  // of those, that go on while nobody runs the sweep
  std::vector<db::RunResultRow> troubled;  // failed, diverged, cancelled ...
  double flops_total = 0, flops_done = 0;
  int64_t total = 0, finished = 0;
  double tokens_done = 0;                   // of finished runs
  double gpu_seconds = 0, cpu_seconds = 0;  // of all attempts, from start to end
  // Of finished attempts' FLOPs a second, the 10 % and 90 % quantiles over the median: how far the
  // remaining time may be off. Nothing before three have finished.
  std::optional<double> slow_factor, fast_factor;
};

// `holder`: who runs it now; empty: nobody. `gpus`: peaks, for utilisation.
SweepStatus sweep_status(const std::filesystem::path& folder, const std::string& holder,
                         const std::vector<sweep::GpuKind>& gpus, int64_t now_ms);

// The kind that a driver's name speaks of ("NVIDIA H100 80GB HBM3"); nothing when none is known.
const sweep::GpuKind* kind_of(const std::string& gpu_name, const std::vector<sweep::GpuKind>& gpus);

}  // namespace crosslaw::apps
