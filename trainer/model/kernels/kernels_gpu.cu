// The CUDA twins: data are fp32 or bf16, arithmetic is fp32, and no atomics are used, so that the
// same inputs give the same bits. All of them are bound by memory, not by arithmetic: each reads
// and writes every number as few times as its formula allows, neighbouring threads at neighbouring
// addresses. The formulas are explained at the CPU twins.
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <stdexcept>
#include <string>

#include "trainer/model/kernels/kernels.h"

namespace crosslaw::trainer::gpu {
namespace {

// Eight warps: enough to hide the latency of memory, small enough that rows of a few hundred
// numbers leave few threads idle.
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("[cuda] ") + what + ": " + cudaGetErrorString(status));
}

cudaStream_t stream_of(const KernelTarget& target) {
  return static_cast<cudaStream_t>(target.stream);
}

unsigned blocks_for(int64_t count) {
  return static_cast<unsigned>((count + kThreads - 1) / kThreads);
}

__device__ inline float load(const float* p, int64_t i) { return p[i]; }
__device__ inline float load(const __nv_bfloat16* p, int64_t i) { return __bfloat162float(p[i]); }
__device__ inline void store(float* p, int64_t i, float value) { p[i] = value; }
__device__ inline void store(__nv_bfloat16* p, int64_t i, float value) {
  p[i] = __float2bfloat16_rn(value);
}

struct Sum {
  __device__ static float neutral() { return 0.0f; }
  __device__ static float of(float a, float b) { return a + b; }
};

// Reduces one value a thread over the block, in a fixed order; every thread gets the result.
template <typename Operation>
__device__ float block_reduce(float value) {
  __shared__ float partial[kWarps];
  // Inside a warp by exchanging registers, then over the warps through shared memory. xor instead
  // of down: every thread ends with the sum, in an order that depends on nothing but the lane.
  for (int offset = 16; offset > 0; offset /= 2)
    value = Operation::of(value, __shfl_xor_sync(0xffffffffu, value, offset));
  __syncthreads();  // an earlier reduction may still be reading
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  float result = Operation::neutral();
  for (int warp = 0; warp < kWarps; ++warp) result = Operation::of(result, partial[warp]);
  return result;
}

// One block a row, grid (rows).
template <typename T>
__global__ void rms_norm_forward_kernel(RmsNormForward p) {
  int64_t base = blockIdx.x * p.columns;
  const T* x = static_cast<const T*>(p.x) + base;
  const T* delta = p.delta ? static_cast<const T*>(p.delta) + base : nullptr;
  const T* weight = static_cast<const T*>(p.weight);
  T* sum = static_cast<T*>(p.sum) + base;
  T* y = static_cast<T*>(p.y) + base;
  float squares = 0;
  for (int64_t c = threadIdx.x; c < p.columns; c += kThreads) {
    float value = load(x, c) + (delta ? load(delta, c) : 0.0f);
    store(sum, c, value);
    value = load(sum, c);  // the rounded value, which the backward pass will see
    squares += value * value;
  }
  squares = block_reduce<Sum>(squares);
  float rstd = rsqrtf(squares / static_cast<float>(p.columns) + static_cast<float>(p.epsilon));
  for (int64_t c = threadIdx.x; c < p.columns; c += kThreads)
    store(y, c, load(sum, c) * rstd * load(weight, c));
  if (threadIdx.x == 0) p.rstd[blockIdx.x] = rstd;
}

// One block a row, grid (rows); d_sum only, the weight's gradient runs down the columns.
template <typename T>
__global__ void rms_norm_backward_kernel(RmsNormBackward p) {
  int64_t base = blockIdx.x * p.columns;
  const T* d_y = static_cast<const T*>(p.d_y) + base;
  const T* sum = static_cast<const T*>(p.sum) + base;
  const T* weight = static_cast<const T*>(p.weight);
  T* d_sum = static_cast<T*>(p.d_sum) + base;
  float dot = 0;
  for (int64_t c = threadIdx.x; c < p.columns; c += kThreads)
    dot += load(d_y, c) * load(weight, c) * load(sum, c);
  dot = block_reduce<Sum>(dot);
  float rstd = p.rstd[blockIdx.x];
  float back = dot * rstd * rstd * rstd / static_cast<float>(p.columns);
  for (int64_t c = threadIdx.x; c < p.columns; c += kThreads) {
    float before = p.accumulate ? load(d_sum, c) : 0.0f;
    store(d_sum, c, before + rstd * load(weight, c) * load(d_y, c) - back * load(sum, c));
  }
}

// Weight gradient in two passes: kRmsNormScratchRows partial sums a column, then their sum. One
// thread a column alone would leave most of the GPU idle; atomics would sum in another order each
// time. Grid (columns / kThreads, kRmsNormScratchRows).
template <typename T>
__global__ void rms_norm_weight_partial_kernel(RmsNormBackward p) {
  const T* d_y = static_cast<const T*>(p.d_y);
  const T* sum = static_cast<const T*>(p.sum);
  int64_t column = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (column >= p.columns) return;
  float total = 0;
  for (int64_t row = blockIdx.y; row < p.rows; row += gridDim.y) {
    total +=
        load(d_y, row * p.columns + column) * load(sum, row * p.columns + column) * p.rstd[row];
  }
  p.scratch[blockIdx.y * p.columns + column] = total;
}

__global__ void rms_norm_weight_sum_kernel(RmsNormBackward p) {
  int64_t column = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (column >= p.columns) return;
  float total = 0;
  for (int64_t part = 0; part < kRmsNormScratchRows; ++part)
    total += p.scratch[part * p.columns + column];
  p.d_weight[column] += total;
}

// One thread a pair, over the queries and keys of all rows.
template <typename T>
__global__ void rotary_kernel(Rotary p) {
  int64_t half = p.head_size / 2, pairs_in_row = 2 * p.heads * half;
  int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= p.rows * pairs_in_row) return;
  int64_t row = index / pairs_in_row, in_row = index % pairs_in_row;
  int64_t head = in_row / half, i = in_row % half;
  int64_t angle = (row % p.context) * half + i;
  float cosine = p.cosines[angle], sine = p.inverse ? -p.sines[angle] : p.sines[angle];
  // Heads 0 to heads - 1 are queries, the next `heads` are keys: packed, they need no test.
  T* first = static_cast<T*>(p.qkv) + row * 3 * p.heads * p.head_size + head * p.head_size + i;
  float a = load(first, 0), b = load(first, half);
  store(first, 0, a * cosine - b * sine);
  store(first, half, b * cosine + a * sine);
}

// One thread an element of y. __expf's error, a few units in the last place, is far below bf16's
// rounding.
template <typename T>
__global__ void swiglu_forward_kernel(SwiGlu p) {
  int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= p.rows * p.columns) return;
  const T* gate_up = static_cast<const T*>(p.gate_up) + index / p.columns * 2 * p.columns;
  int64_t c = index % p.columns;
  float gate = load(gate_up, c), up = load(gate_up, p.columns + c);
  store(static_cast<T*>(p.y), index, gate / (1.0f + __expf(-gate)) * up);
}

template <typename T>
__global__ void swiglu_backward_kernel(SwiGlu p) {
  int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= p.rows * p.columns) return;
  int64_t base = index / p.columns * 2 * p.columns, c = index % p.columns;
  const T* gate_up = static_cast<const T*>(p.gate_up) + base;
  T* d_gate_up = static_cast<T*>(p.d_gate_up) + base;
  float gate = load(gate_up, c), up = load(gate_up, p.columns + c);
  float d_y = load(static_cast<const T*>(p.d_y), index);
  float sigmoid = 1.0f / (1.0f + __expf(-gate));
  float silu = gate * sigmoid;
  store(d_gate_up, c, d_y * up * (sigmoid + silu * (1.0f - sigmoid)));
  store(d_gate_up, p.columns + c, d_y * silu);
}

struct Largest {
  __device__ static float neutral() { return -INFINITY; }
  // NaN wins, so that it reaches the loss.
  __device__ static float of(float a, float b) { return a > b || a != a ? a : b; }
};

// One block a row, grid (rows). The row is read three times (largest, sum, gradient), from the
// second cache but for the first; a running sum (Milakov and Gimelshein, arXiv:1805.02867) would
// save one of the cached passes.
template <typename T>
__global__ void cross_entropy_kernel(CrossEntropy p) {
  T* logits = static_cast<T*>(p.logits) + blockIdx.x * p.vocabulary;
  int64_t target = p.targets[blockIdx.x];
  float largest = -INFINITY;
  for (int64_t v = threadIdx.x; v < p.vocabulary; v += kThreads)
    largest = Largest::of(largest, load(logits, v));
  largest = block_reduce<Largest>(largest);
  float sum = 0;
  for (int64_t v = threadIdx.x; v < p.vocabulary; v += kThreads)
    sum += __expf(load(logits, v) - largest);
  sum = block_reduce<Sum>(sum);
  if (threadIdx.x == 0) p.loss[blockIdx.x] = logf(sum) + largest - load(logits, target);
  __syncthreads();  // the target's logit is read before it is overwritten
  if (p.d_scale == 0) return;
  float scale = p.d_scale / sum;
  for (int64_t v = threadIdx.x; v < p.vocabulary; v += kThreads) {
    float gradient = __expf(load(logits, v) - largest) * scale;
    store(logits, v, v == target ? gradient - p.d_scale : gradient);
  }
}

// One thread a parameter: 16 bytes read, 14 to 16 written. Everything that it needs lies in flat
// buffers, so that two launches serve all weights, those with decay and those without.
template <typename T>
__global__ void adamw_kernel(AdamW p, float correction1, float correction2) {
  int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= p.count) return;
  // Read on the device: asking for the norm on the host would wait for the whole backward pass.
  float norm = *p.gradient_norm, limit = static_cast<float>(p.clip_norm);
  float clip = limit > 0 && norm > limit ? limit / norm : 1.0f;
  float beta1 = static_cast<float>(p.beta1), beta2 = static_cast<float>(p.beta2);
  float g = p.gradient[i] * clip;
  float m = beta1 * p.moment1[i] + (1.0f - beta1) * g;
  float v = beta2 * p.moment2[i] + (1.0f - beta2) * g * g;
  p.moment1[i] = m;
  p.moment2[i] = v;
  float keep = static_cast<float>(1.0 - p.learning_rate * p.weight_decay);
  float update = static_cast<float>(p.learning_rate) * (m * correction1) /
                 (sqrtf(v * correction2) + static_cast<float>(p.epsilon));
  float weight = p.master[i] * keep - update;
  p.master[i] = weight;
  store(static_cast<T*>(p.weights), i, weight);
}

// Calls launch(T*) with a null pointer of the target's data type and checks the launch. The pointer
// carries the type alone: lambdas take explicit template arguments from C++20 on, and CUDA sources
// are C++17.
template <typename Launch>
void dispatch(const KernelTarget& target, const char* name, Launch launch) {
  if (target.precision == Precision::kBfloat16) {
    launch(static_cast<__nv_bfloat16*>(nullptr));
  } else {
    launch(static_cast<float*>(nullptr));
  }
  check(cudaGetLastError(), name);
}

template <typename Pointer>
using Pointee = std::remove_pointer_t<Pointer>;

}  // namespace

void rms_norm_forward(const KernelTarget& target, const RmsNormForward& p) {
  dispatch(target, "rms_norm_forward", [&](auto* type) {
    rms_norm_forward_kernel<Pointee<decltype(type)>>
        <<<static_cast<unsigned>(p.rows), kThreads, 0, stream_of(target)>>>(p);
  });
}

void rms_norm_backward(const KernelTarget& target, const RmsNormBackward& p) {
  dispatch(target, "rms_norm_backward", [&](auto* type) {
    using T = Pointee<decltype(type)>;
    dim3 grid(blocks_for(p.columns), static_cast<unsigned>(kRmsNormScratchRows));
    rms_norm_weight_partial_kernel<T><<<grid, kThreads, 0, stream_of(target)>>>(p);
    rms_norm_weight_sum_kernel<<<blocks_for(p.columns), kThreads, 0, stream_of(target)>>>(p);
    rms_norm_backward_kernel<T>
        <<<static_cast<unsigned>(p.rows), kThreads, 0, stream_of(target)>>>(p);
  });
}

void rotary(const KernelTarget& target, const Rotary& p) {
  dispatch(target, "rotary", [&](auto* type) {
    rotary_kernel<Pointee<decltype(type)>>
        <<<blocks_for(p.rows * p.heads * p.head_size), kThreads, 0, stream_of(target)>>>(p);
  });
}

void swiglu_forward(const KernelTarget& target, const SwiGlu& p) {
  dispatch(target, "swiglu_forward", [&](auto* type) {
    swiglu_forward_kernel<Pointee<decltype(type)>>
        <<<blocks_for(p.rows * p.columns), kThreads, 0, stream_of(target)>>>(p);
  });
}

void swiglu_backward(const KernelTarget& target, const SwiGlu& p) {
  dispatch(target, "swiglu_backward", [&](auto* type) {
    swiglu_backward_kernel<Pointee<decltype(type)>>
        <<<blocks_for(p.rows * p.columns), kThreads, 0, stream_of(target)>>>(p);
  });
}

void cross_entropy(const KernelTarget& target, const CrossEntropy& p) {
  dispatch(target, "cross_entropy", [&](auto* type) {
    cross_entropy_kernel<Pointee<decltype(type)>>
        <<<static_cast<unsigned>(p.rows), kThreads, 0, stream_of(target)>>>(p);
  });
}

void adamw(const KernelTarget& target, const AdamW& p) {
  auto correction = [&](double beta) {
    return static_cast<float>(1.0 / (1.0 - std::pow(beta, static_cast<double>(p.step))));
  };
  dispatch(target, "adamw", [&](auto* type) {
    adamw_kernel<Pointee<decltype(type)>><<<blocks_for(p.count), kThreads, 0, stream_of(target)>>>(
        p, correction(p.beta1), correction(p.beta2));
  });
}

}  // namespace crosslaw::trainer::gpu
