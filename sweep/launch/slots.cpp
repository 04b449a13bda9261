#include "sweep/launch/slots.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

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

std::vector<std::string> visible_gpu_uuids() {
  std::vector<std::string> all;
  std::unique_ptr<FILE, int (*)(FILE*)> listing(
      // Asked of a program, so that planning needs no CUDA; a machine without it has no GPU.
      popen("nvidia-smi --query-gpu=uuid --format=csv,noheader 2>/dev/null", "r"), pclose);
  std::array<char, 256> line{};
  while (listing && fgets(line.data(), line.size(), listing.get())) {
    std::string uuid(line.data());
    uuid.erase(uuid.find_last_not_of(" \r\n") + 1);
    if (uuid.starts_with("GPU-")) all.push_back(uuid);
  }
  const char* limit = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!limit) return all;
  std::vector<std::string> visible;
  std::istringstream entries(limit);
  // As CUDA reads it: numbers or beginnings of UUIDs, in the order of use; an entry that fits no
  // GPU ends the list. Twice the same would be one slot twice.
  for (std::string entry; std::getline(entries, entry, ',');) {
    size_t i = 0;
    while (i < all.size() && entry != std::to_string(i) &&
           !(entry.starts_with("GPU-") && all[i].starts_with(entry)))
      ++i;
    if (i == all.size()) break;
    if (std::find(visible.begin(), visible.end(), all[i]) == visible.end())
      visible.push_back(all[i]);
  }
  return visible;
}

std::vector<Slot> find_slots(const LaunchSpec& launch) {
  if (launch.devices == "cpu") return cpu_slots(launch);
  std::vector<Slot> slots;
  for (const std::string& uuid : visible_gpu_uuids()) slots.push_back({uuid, {}});
  if (slots.empty() && launch.devices == "gpu") {
    throw SpecError(
        "launch.devices = \"gpu\": nvidia-smi lists no GPU here that CUDA_VISIBLE_DEVICES allows; "
        "use \"auto\" or \"cpu\" to train on the CPU");
  }
  return slots.empty() ? cpu_slots(launch) : slots;
}

}  // namespace crosslaw::sweep
