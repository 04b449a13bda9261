#pragma once

// What the CUDA twins share: accesses of 16 bytes, reductions over a block, and how a kernel is
// started in the width that its data allow. For kernels_gpu.cu alone.
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "trainer/model/kernels/kernels.h"

namespace crosslaw::trainer::gpu {

// What a launch asked for: first a float for each warp (block_reduce), then the rows of the kernel.
extern __shared__ float4 shared_memory[];

namespace {

// Eight warps hide the latency of memory where a block has no row of its own.
constexpr unsigned kThreads = 256;
constexpr unsigned kMostThreads = 1024;
constexpr unsigned kCrossEntropyThreads = 512;
// The gradient of a norm: two blocks of these, or more of fewer threads, share the registers of a
// multiprocessor.
constexpr unsigned kNormThreads = 512;
constexpr unsigned kMultiprocessors = 132;  // of an H100 or H200
constexpr int64_t kLeastRowsOfPart = 4;
constexpr float kLog2E = 1.44269504f;
constexpr size_t kReduceBytes = kMostThreads / 32 * sizeof(float);
constexpr size_t kSharedWithoutAsking = 48 << 10;

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("[cuda] ") + what + ": " + cudaGetErrorString(status));
}

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ inline void round_to(float& to, float value) { to = value; }
__device__ inline void round_to(__nv_bfloat16& to, float value) { to = __float2bfloat16_rn(value); }

// 2^x to two units in the last place or so, far below bf16's rounding; what would be a denormal
// number is zero, for to get them right takes three instructions more.
__device__ inline float exp2_fast(float x) {
#ifdef __CUDA_ARCH__
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  float power = exp2f(x);
  return power < 1.17549435e-38f ? 0.0f : power;
#endif
}
__device__ inline float exp_fast(float x) { return exp2_fast(x * kLog2E); }

// Neighbouring data, moved by one access. 16 bytes are the widest that a thread can move; a single
// number where the width of a row does not allow more.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Chunk {
  T values[kCount];
  __device__ float operator[](int k) const { return to_float(values[k]); }
  __device__ void set(int k, float value) { round_to(values[k], value); }
};

template <typename T, int kCount>
__device__ Chunk<T, kCount> load(const T* from) {
  return *reinterpret_cast<const Chunk<T, kCount>*>(from);
}

template <typename T, int kCount>
__device__ void store(T* to, const Chunk<T, kCount>& chunk) {
  *reinterpret_cast<Chunk<T, kCount>*>(to) = chunk;
}

// Shared memory behind what block_reduce uses.
template <typename T>
__device__ T* shared_row() {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(shared_memory) + kReduceBytes);
}

struct Sum {
  __device__ static float neutral() { return 0.0f; }
  __device__ static float of(float a, float b) { return a + b; }
};

struct Largest {
  __device__ static float neutral() { return -INFINITY; }
  // A NaN may lose here: it comes back in the sum of the exponentials.
  __device__ static float of(float a, float b) { return a > b ? a : b; }
};

// Reduces one value a thread over the block, in a fixed order; every thread gets the result.
template <typename Operation>
__device__ float block_reduce(float value) {
  float* partial = reinterpret_cast<float*>(shared_memory);
  // Inside a warp by exchanging registers, then over the warps through shared memory. xor instead
  // of down: every thread ends with the sum, in an order that depends on nothing but the lane.
  for (int offset = 16; offset > 0; offset /= 2)
    value = Operation::of(value, __shfl_xor_sync(0xffffffffu, value, offset));
  __syncthreads();  // an earlier reduction may still be reading
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  float result = Operation::neutral();
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp)
    result = Operation::of(result, partial[warp]);
  return result;
}

template <typename T, int count>
struct Access {
  using Data = T;
  static constexpr int kCount = count;
};

// Whether rows of `columns` data that begin at these addresses may be moved 16 bytes at a time.
bool in_16_bytes(const KernelTarget& target, int64_t columns,
                 std::initializer_list<const void*> rows) {
  int64_t bytes = columns * (target.precision == Precision::kBfloat16 ? 2 : 4);
  for (const void* row : rows) bytes |= static_cast<int64_t>(reinterpret_cast<uintptr_t>(row));
  return bytes % 16 == 0;
}

// Calls launch(Access) for the target's data type and the width of an access; checks its status.
template <typename Launch>
void dispatch(const KernelTarget& target, bool wide, const char* name, Launch launch) {
  cudaError_t status;
  if (target.precision == Precision::kBfloat16) {
    status = wide ? launch(Access<__nv_bfloat16, 8>()) : launch(Access<__nv_bfloat16, 1>());
  } else {
    status = wide ? launch(Access<float, 4>()) : launch(Access<float, 1>());
  }
  check(status, name);
}

template <typename... Parameters>
cudaError_t start(const KernelTarget& target, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                  size_t shared_bytes, Parameters... parameters) {
  if (shared_bytes > kSharedWithoutAsking) {
    cudaError_t status = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                              static_cast<int>(shared_bytes));
    if (status != cudaSuccess) return status;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(target.stream);
  return cudaLaunchKernelEx(&config, kernel, parameters...);
}

unsigned blocks_of(int64_t threads, int64_t count) {
  return static_cast<unsigned>((count + threads - 1) / threads);
}

// Whole warps, one chunk a thread, up to `most` threads: a short row leaves few of them idle.
unsigned threads_for(int64_t chunks, unsigned most) {
  return chunks >= most ? most : blocks_of(32, chunks) * 32;
}

// Blocks of the gradient of a norm: as many as run at once on an H100 or H200, so that all end
// together: others would wait for a second turn of a few. Fewer where a block had too few rows to
// be worth its sums.
unsigned parts_of(int64_t rows, unsigned threads) {
  unsigned at_once = kMultiprocessors * (2 * kNormThreads / threads);
  if (at_once > kRmsNormScratchRows) at_once = kRmsNormScratchRows;
  unsigned parts = blocks_of(kLeastRowsOfPart, rows);
  return parts < at_once ? parts : at_once;
}

}  // namespace
}  // namespace crosslaw::trainer::gpu
