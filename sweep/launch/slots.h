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

// The slots of this machine. Throws SpecError when GPUs are asked for and none is there.
std::vector<Slot> find_slots(const LaunchSpec& launch);

// UUIDs of the GPUs that nvidia-smi lists and CUDA_VISIBLE_DEVICES allows.
std::vector<std::string> visible_gpu_uuids();

}  // namespace crosslaw::sweep
