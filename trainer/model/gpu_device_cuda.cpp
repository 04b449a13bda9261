#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

#include "trainer/model/gpu_device.h"

namespace crosslaw::trainer {
namespace {

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw std::runtime_error(fmt::format("[cuda] {}: {}", what, cudaGetErrorString(status)));
}

cudaDeviceProp properties() {
  cudaDeviceProp result{};
  check(cudaGetDeviceProperties(&result, 0), "reading the GPU's properties");
  return result;
}

}  // namespace

int64_t visible_gpus() {
  // An error means that there is no driver: no GPU, and no reason to fail.
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::string gpu_uuid() {
  cudaDeviceProp device = properties();
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    // 16 bytes in groups of 4, 2, 2, 2 and 6, as UUIDs are written (RFC 4122).
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(device.uuid.bytes[i]));
  }
  return text;
}

std::string gpu_name() { return properties().name; }

double gpu_free_bytes() {
  size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "reading the free GPU memory");
  return static_cast<double>(free_bytes);
}

void release_unused_gpu_memory() { c10::cuda::CUDACachingAllocator::emptyCache(); }

void* gpu_stream() { return at::cuda::getCurrentCUDAStream().stream(); }

// cuDNN, flash, efficient, plain: on Hopper cuDNN is about twice as fast as flash (version 2).
void prefer_cudnn_attention() { at::globalContext().setSDPPriorityOrder({3, 1, 2, 0}); }

// LibTorch 2.11 offers no deterministic form of cuDNN's attention: asked for determinism in earnest
// (not "warn only") it leaves cuDNN out and sums flash's, and efficient attention's, gradients in a
// fixed order.
void prefer_deterministic_attention() {
  // LibTorch refuses to multiply otherwise: two streams could share cuBLAS's workspace.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(true, /*warn_only=*/false);
  // Else every buffer would be filled when it is made.
  context.setDeterministicFillUninitializedMemory(false);
}

}  // namespace crosslaw::trainer
