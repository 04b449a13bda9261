#include "sweep/launch/slots.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>

#include "sweep/launch/gpu_lock.h"

namespace crosslaw::sweep {
namespace {

// Not the machine's processors but ours: a container or a batch system may have given fewer.
std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<Slot> cpu_slots(const LaunchSpec& launch) {
  std::vector<int> cpus = allowed_cpus();
  auto threads = static_cast<size_t>(launch.threads_per_run);
  size_t count = launch.cpu_slots > 0 ? static_cast<size_t>(launch.cpu_slots)
                                      : std::max<size_t>(1, cpus.size() / threads);
  std::vector<Slot> slots(count);
  for (size_t i = 0; i < count; ++i) {
    // Pinned while there are processors of their own; slots beyond that share and float.
    bool own_cpus = (i + 1) * threads <= cpus.size();
    if (own_cpus)
      slots[i].cpus.assign(cpus.begin() + static_cast<long>(i * threads),
                           cpus.begin() + static_cast<long>((i + 1) * threads));
  }
  return slots;
}

}  // namespace

std::string Slot::name() const {
  if (!gpu_uuid.empty()) return gpu_uuid;
  return cpus.empty() ? "cpu" : fmt::format("cpu {}", fmt::join(cpus, ","));
}

std::vector<Slot> find_slots(const LaunchSpec& launch) {
  if (launch.devices == "cpu") return cpu_slots(launch);
  std::vector<Slot> slots;
  // All GPUs once before any of them twice: runs share a GPU only when none is left.
  const std::vector<std::string> uuids = visible_gpu_uuids();
  for (int64_t turn = 0; turn < launch.runs_per_gpu; ++turn) {
    for (const std::string& uuid : uuids) slots.push_back({uuid, {}});
  }
  if (slots.empty() && launch.devices == "gpu") {
    throw SpecError(
        "launch.devices = \"gpu\": nvidia-smi lists no GPU here that CUDA_VISIBLE_DEVICES allows; "
        "use \"auto\" or \"cpu\" to train on the CPU");
  }
  return slots.empty() ? cpu_slots(launch) : slots;
}

}  // namespace crosslaw::sweep
