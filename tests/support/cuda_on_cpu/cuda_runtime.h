#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>

#include "tests/support/cuda_on_cpu/shared_memory.h"

// What the kernels use of CUDA, on a CPU, so that a machine without a GPU can run them under
// sanitizers. The threads of a block are fibers of one thread and take turns at barriers and warp
// shuffles alone; blocks run one after the other. Shared memory holds NaN when a block begins, and
// touching more of it than the launch asked for is an error under AddressSanitizer.
// It says nothing of speed, nor of what nvcc makes of the same source.

#define __global__
#define __device__
#define __host__
#define __shared__
#define __restrict__ __restrict
#define __launch_bounds__(...)

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorInvalidConfiguration = 9 };
inline const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaSuccess ? "no error" : "invalid configuration argument";
}
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  void* attrs = nullptr;
  unsigned numAttrs = 0;
};

// Of the thread that runs; set before each turn.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace cuda_on_cpu {

// In which order blocks, the warps of a block and the lanes of a warp take their turns. Whatever
// CUDA promises must hold in all of them; a race shows as a different result. In every order one
// warp runs as far ahead of the others as the barriers let it.
struct Order {
  enum Kind { kUp, kDown, kRandom } kind = kUp;
  uint64_t seed = 0;
};
void run_in(Order order);

// Runs `thread` once for each thread of the grid, with up to `shared_allowed` bytes of shared
// memory. Aborts, naming the block and where its threads stand, when some threads wait for others
// that will not come.
cudaError_t launch(const cudaLaunchConfig_t& config, size_t shared_allowed,
                   const std::function<void()>& thread);

// Bytes of shared memory that each kernel may use: 48 KiB until cudaFuncSetAttribute allows more.
inline size_t& shared_allowed(const void* kernel) {
  static std::map<const void*, size_t> allowed;
  return allowed.try_emplace(kernel, 48 << 10).first->second;
}

void wait_for_block();
// Every lane of the warp gives a word and gets that of lane `from`.
uint32_t exchange(uint32_t word, unsigned from);
unsigned lane();

}  // namespace cuda_on_cpu

template <typename... Expected, typename... Actual>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Expected...),
                               Actual... arguments) {
  return cuda_on_cpu::launch(*config,
                             cuda_on_cpu::shared_allowed(reinterpret_cast<const void*>(kernel)),
                             [=] { kernel(arguments...); });
}

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
template <typename... Expected>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Expected...), cudaFuncAttribute, int bytes) {
  if (static_cast<size_t>(bytes) > cuda_on_cpu::kSharedBytes) return cudaErrorInvalidValue;
  cuda_on_cpu::shared_allowed(reinterpret_cast<const void*>(kernel)) = static_cast<size_t>(bytes);
  return cudaSuccess;
}

inline void __syncthreads() { cuda_on_cpu::wait_for_block(); }

inline float __shfl_xor_sync(unsigned, float value, int mask) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof word);
  word = cuda_on_cpu::exchange(word, cuda_on_cpu::lane() ^ static_cast<unsigned>(mask));
  std::memcpy(&value, &word, sizeof value);
  return value;
}

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
