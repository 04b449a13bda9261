#pragma once

#include <string>
#include <vector>

#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// A place where one run trains at a time.
struct Slot {
  std::string gpu_uuid;   // empty: a CPU slot
  std::vector<int> cpus;  // the processors it is pinned to; empty: any

  std::string device() const { return gpu_uuid.empty() ? "cpu" : "cuda"; }
  std::string name() const;
};

// The slots of this machine; a GPU is there launch.runs_per_gpu times. Throws SpecError when GPUs
// are asked for and none is there.
std::vector<Slot> find_slots(const LaunchSpec& launch);

}  // namespace crosslaw::sweep
