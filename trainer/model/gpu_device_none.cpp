// Stands in for gpu_device_cuda.cpp in a build without CUDA.
#include <stdexcept>

#include "trainer/model/gpu_device.h"
#include "trainer/model/gpu_recording.h"

namespace crosslaw::trainer {
namespace {
[[noreturn]] void refuse() {
  throw std::runtime_error("this crosslaw-train was built without CUDA");
}
}  // namespace

int64_t visible_gpus() { return 0; }
std::string gpu_uuid() { refuse(); }
std::string gpu_name() { refuse(); }
double gpu_free_bytes() { refuse(); }
void release_unused_gpu_memory() {}
void* gpu_stream() { refuse(); }
void prefer_cudnn_attention() {}
void prefer_deterministic_attention() {}
std::unique_ptr<Recording> gpu_recording() { return nullptr; }

}  // namespace crosslaw::trainer
