#pragma once

#include <memory>
#include <string>
#include <vector>

namespace crosslaw::sweep {

// Holds one GPU of this machine against every other crosslaw, whoever its user is and wherever its
// temporary files go: a name in the kernel's abstract socket space (unix(7)), which needs no file,
// no permission and no cleaning up. Processes that inherit the descriptor hold it with us; it is
// free when the last of them has ended, however it ended.
class GpuLock {
 public:
  // Null when somebody else holds it.
  static std::shared_ptr<GpuLock> try_take(const std::string& gpu_uuid);

  explicit GpuLock(int descriptor) : descriptor_(descriptor) {}
  ~GpuLock();
  GpuLock(const GpuLock&) = delete;
  GpuLock& operator=(const GpuLock&) = delete;
  int descriptor() const { return descriptor_; }  // close-on-exec

 private:
  int descriptor_;
};

// UUIDs of the GPUs that nvidia-smi lists and CUDA_VISIBLE_DEVICES allows.
std::vector<std::string> visible_gpu_uuids();

// What nvidia-smi says of a GPU; what it does not say is empty or 0.
struct GpuFacts {
  std::string uuid, name, driver;
  double memory_bytes = 0;
};
// Of visible_gpu_uuids(), in their order.
std::vector<GpuFacts> visible_gpus();

// A process that computes on a GPU.
struct GpuProcess {
  std::string gpu_uuid;
  int64_t pid = 0;
};
// As nvidia-smi tells; none where it tells nothing (containers often hide other processes).
std::vector<GpuProcess> gpu_processes();

}  // namespace crosslaw::sweep
