// The CUDA twins: data are fp32 or bf16, arithmetic is fp32, and no atomics are used, so that the
// same inputs give the same bits. All but cross-entropy are bound by memory, not arithmetic: each
// reads and writes every number as few times as its formula allows, 16 bytes a thread at a time,
// and finds its place without a division of 64-bit numbers. The formulas are explained at the CPU
// twins. tests/support/cuda_on_cpu compiles this file as plain C++, hence no <<<>>>.
#include "trainer/model/kernels/kernels_gpu.h"

namespace crosslaw::trainer::gpu {
namespace {

// One block a row, grid (rows). The row waits in shared memory, where each thread finds its own
// chunks again: it is read once and written once.
template <typename T, int kCount>
__global__ void __launch_bounds__(kMostThreads) rms_norm_forward_kernel(RmsNormForward p) {
  int64_t base = blockIdx.x * p.columns;
  const T* x = static_cast<const T*>(p.x) + base;
  const T* delta = p.delta ? static_cast<const T*>(p.delta) + base : nullptr;
  const T* weight = static_cast<const T*>(p.weight);
  T* sum = static_cast<T*>(p.sum) + base;
  T* y = static_cast<T*>(p.y) + base;
  T* row = shared_row<T>();
  unsigned columns = static_cast<unsigned>(p.columns), stride = blockDim.x * kCount;
  float squares = 0;
  for (unsigned c = threadIdx.x * kCount; c < columns; c += stride) {
    Chunk<T, kCount> total = load<T, kCount>(x + c);
    if (delta) {
      Chunk<T, kCount> added = load<T, kCount>(delta + c);
      for (int k = 0; k < kCount; ++k) total.set(k, total[k] + added[k]);
    }
    // Of the rounded values, which the backward pass will see.
    for (int k = 0; k < kCount; ++k) squares += total[k] * total[k];
    store(sum + c, total);
    store(row + c, total);
  }
  squares = block_reduce<Sum>(squares);
  float rstd = rsqrtf(squares / static_cast<float>(p.columns) + static_cast<float>(p.epsilon));
  for (unsigned c = threadIdx.x * kCount; c < columns; c += stride) {
    Chunk<T, kCount> total = load<T, kCount>(row + c), factor = load<T, kCount>(weight + c);
    for (int k = 0; k < kCount; ++k) total.set(k, total[k] * rstd * factor[k]);
    store(y + c, total);
  }
  if (threadIdx.x == 0) p.rstd[blockIdx.x] = rstd;
}

// Grid (parts), a part being a row of scratch: each block takes every gridDim-th row, writes its
// d_sum, and adds up the rows' part in the weight's gradient. A row is read once: each thread holds
// its kHeld chunks of it, and asks for all of them before it waits for any.
template <typename T, int kCount, int kHeld>
__global__ void __launch_bounds__(kNormThreads, 2) rms_norm_backward_kernel(RmsNormBackward p) {
  unsigned columns = static_cast<unsigned>(p.columns);
  auto place = [](int j) { return (j * blockDim.x + threadIdx.x) * kCount; };
  Chunk<T, kCount> weight[kHeld] = {}, d_y[kHeld] = {}, sum[kHeld] = {}, d_sum[kHeld] = {};
  float d_weight[kHeld][kCount] = {};
#pragma unroll
  for (int j = 0; j < kHeld; ++j) {
    if (place(j) < columns) weight[j] = load<T, kCount>(static_cast<const T*>(p.weight) + place(j));
  }
  for (int64_t r = blockIdx.x; r < p.rows; r += gridDim.x) {
    const T* d_y_row = static_cast<const T*>(p.d_y) + r * p.columns;
    const T* sum_row = static_cast<const T*>(p.sum) + r * p.columns;
    T* d_sum_row = static_cast<T*>(p.d_sum) + r * p.columns;
#pragma unroll
    for (int j = 0; j < kHeld; ++j) {
      if (place(j) >= columns) continue;
      d_y[j] = load<T, kCount>(d_y_row + place(j));
      sum[j] = load<T, kCount>(sum_row + place(j));
      if (p.accumulate) d_sum[j] = load<T, kCount>(d_sum_row + place(j));
    }
    float rstd = p.rstd[r], dot = 0;
#pragma unroll
    for (int j = 0; j < kHeld; ++j) {
      if (place(j) >= columns) continue;
      for (int k = 0; k < kCount; ++k) {
        dot += d_y[j][k] * weight[j][k] * sum[j][k];
        d_weight[j][k] += d_y[j][k] * sum[j][k] * rstd;
      }
    }
    dot = block_reduce<Sum>(dot);
    float back = dot * rstd * rstd * rstd / static_cast<float>(p.columns);
#pragma unroll
    for (int j = 0; j < kHeld; ++j) {
      if (place(j) >= columns) continue;
      for (int k = 0; k < kCount; ++k)
        d_sum[j].set(k, (p.accumulate ? d_sum[j][k] : 0.0f) + rstd * weight[j][k] * d_y[j][k] -
                            back * sum[j][k]);
      store(d_sum_row + place(j), d_sum[j]);
    }
  }
#pragma unroll
  for (int j = 0; j < kHeld; ++j) {
    if (place(j) >= columns) continue;
    float* part = p.scratch + blockIdx.x * p.columns + place(j);
    for (int k = 0; k < kCount; ++k) part[k] = d_weight[j][k];
  }
}

// d_weight += the `parts` rows of scratch. Block (32, 32), grid (columns / 32): each thread takes
// every 32nd part of a column, and shared memory adds the 32 sums. Atomics would sum in another
// order each time.
__global__ void __launch_bounds__(kMostThreads)
    rms_norm_weight_sum_kernel(RmsNormBackward p, unsigned parts) {
  float* sums = shared_row<float>();
  int64_t column = blockIdx.x * 32 + threadIdx.x;
  float total = 0;
  if (column < p.columns) {
#pragma unroll 8  // so many reads under way at once
    for (unsigned part = threadIdx.y; part < parts; part += 32)
      total += p.scratch[part * p.columns + column];
  }
  sums[threadIdx.y * 32 + threadIdx.x] = total;
  __syncthreads();
  if (threadIdx.y != 0 || column >= p.columns) return;
  for (unsigned other = 1; other < 32; ++other) total += sums[other * 32 + threadIdx.x];
  p.d_weight[column] += total;
}

// Grid (rows), one thread kCount pairs of a head of the row.
template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads) rotary_kernel(Rotary p) {
  unsigned size = static_cast<unsigned>(p.head_size), half = size / 2;
  unsigned heads = static_cast<unsigned>(p.heads), kv_heads = static_cast<unsigned>(p.kv_heads);
  unsigned chunks_in_head = half / kCount, chunks = (heads + kv_heads) * chunks_in_head;
  int64_t position = blockIdx.x % static_cast<unsigned>(p.context);
  // The first heads are queries, the next ones are keys, the last ones values.
  T* row = static_cast<T*>(p.qkv) + blockIdx.x * (p.heads + 2 * p.kv_heads) * p.head_size;
  const T* queries = p.q ? static_cast<const T*>(p.q) + blockIdx.x * p.heads * p.head_size : row;
  int64_t own_keys = blockIdx.x * p.kv_heads * p.head_size;
  const T* keys = p.q ? static_cast<const T*>(p.k) + own_keys : row + heads * size;
  float direction = p.inverse ? -1.0f : 1.0f;
  for (unsigned chunk = threadIdx.x; chunk < chunks; chunk += blockDim.x) {
    unsigned head = chunk / chunks_in_head, i = chunk % chunks_in_head * kCount;
    const T* from = (head < heads ? queries + head * size : keys + (head - heads) * size) + i;
    T* to = row + head * size + i;
    const float* cosines = p.cosines + position * half + i;
    const float* sines = p.sines + position * half + i;
    Chunk<T, kCount> a = load<T, kCount>(from), b = load<T, kCount>(from + half), turned_a,
                     turned_b;
    for (int k = 0; k < kCount; ++k) {
      float sine = direction * sines[k];
      turned_a.set(k, a[k] * cosines[k] - b[k] * sine);
      turned_b.set(k, b[k] * cosines[k] + a[k] * sine);
    }
    store(to, turned_a);
    store(to + half, turned_b);
  }
  if (!p.q) return;
  const T* values = static_cast<const T*>(p.v) + own_keys;
  T* to = row + (heads + kv_heads) * size;
  for (unsigned c = threadIdx.x * kCount; c < kv_heads * size; c += blockDim.x * kCount)
    store(to + c, load<T, kCount>(values + c));
}

// Grid (rows, parts of a row), one thread kCount elements of y.
template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads) swiglu_forward_kernel(SwiGlu p) {
  int64_t c = (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * kCount;
  if (c >= p.columns) return;
  const T* gate_at = static_cast<const T*>(p.gate_up) + blockIdx.x * 2 * p.columns + c;
  Chunk<T, kCount> gate = load<T, kCount>(gate_at), up = load<T, kCount>(gate_at + p.columns), y;
  for (int k = 0; k < kCount; ++k) y.set(k, gate[k] / (1.0f + exp_fast(-gate[k])) * up[k]);
  store(static_cast<T*>(p.y) + blockIdx.x * p.columns + c, y);
}

template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads) swiglu_backward_kernel(SwiGlu p) {
  int64_t c = (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * kCount;
  if (c >= p.columns) return;
  int64_t at = blockIdx.x * 2 * p.columns + c;
  const T* gate_at = static_cast<const T*>(p.gate_up) + at;
  T* d_gate_at = static_cast<T*>(p.d_gate_up) + at;
  Chunk<T, kCount> gate = load<T, kCount>(gate_at), up = load<T, kCount>(gate_at + p.columns),
                   d_y = load<T, kCount>(static_cast<const T*>(p.d_y) + blockIdx.x * p.columns + c),
                   d_gate, d_up;
  for (int k = 0; k < kCount; ++k) {
    float sigmoid = 1.0f / (1.0f + exp_fast(-gate[k]));
    float silu = gate[k] * sigmoid;
    d_gate.set(k, d_y[k] * up[k] * (sigmoid + silu * (1.0f - sigmoid)));
    d_up.set(k, d_y[k] * silu);
  }
  store(d_gate_at, d_gate);
  store(d_gate_at + p.columns, d_up);
}

// One block a row, grid (rows). The row is read once: each thread holds its kHeld chunks of it. A
// row that is too long for that (kHeld 0) is read three times, twice from the second cache.
template <typename T, int kCount, int kHeld>
__global__ void __launch_bounds__(kCrossEntropyThreads, 2) cross_entropy_kernel(CrossEntropy p) {
  T* logits = static_cast<T*>(p.logits) + blockIdx.x * p.vocabulary;
  unsigned vocabulary = static_cast<unsigned>(p.vocabulary), stride = blockDim.x * kCount;
  unsigned target = static_cast<unsigned>(p.targets[blockIdx.x]);
  // Read now: the reductions lie between this and the writing of the gradient.
  float target_logit = to_float(logits[target]);
  Chunk<T, kCount> held[kHeld > 0 ? kHeld : 1];
#pragma unroll
  for (int j = 0; j < kHeld; ++j) {
    unsigned v = threadIdx.x * kCount + j * stride;
    if (v < vocabulary) held[j] = load<T, kCount>(logits + v);
  }
  auto for_each_chunk = [&](auto work) {
#pragma unroll
    for (int j = 0; j < kHeld; ++j) {
      unsigned v = threadIdx.x * kCount + j * stride;
      if (v < vocabulary) work(v, held[j]);
    }
    for (unsigned v = threadIdx.x * kCount; kHeld == 0 && v < vocabulary; v += stride) {
      held[0] = load<T, kCount>(logits + v);
      work(v, held[0]);
    }
  };
  float largest = -INFINITY, sum = 0;
  for_each_chunk([&](unsigned, const Chunk<T, kCount>& chunk) {
    for (int k = 0; k < kCount; ++k) largest = Largest::of(largest, chunk[k]);
  });
  largest = block_reduce<Largest>(largest);
  for_each_chunk([&](unsigned, const Chunk<T, kCount>& chunk) {
    for (int k = 0; k < kCount; ++k) sum += exp_fast(chunk[k] - largest);
  });
  sum = block_reduce<Sum>(sum);
  if (threadIdx.x == 0) p.loss[blockIdx.x] = logf(sum) + (largest - target_logit);
  if (p.d_scale == 0) return;
  // d_scale e^(x - largest) / sum, the factor as a part of the exponent: the arithmetic on each
  // logit, not memory, is what would take the time here.
  float factor_log2 = log2f(p.d_scale / sum);
  auto gradient = [&](float logit) { return exp2_fast((logit - largest) * kLog2E + factor_log2); };
  for_each_chunk([&](unsigned v, Chunk<T, kCount>& chunk) {
    for (int k = 0; k < kCount; ++k) chunk.set(k, gradient(chunk[k]));
    store(logits + v, chunk);
  });
  __syncthreads();  // behind the store of the chunk that the target is in
  if (threadIdx.x == 0) round_to(logits[target], gradient(target_logit) - p.d_scale);
}

// Grid (rows, parts of a row), one thread kCount columns. The rows come sorted by their token: the
// block of a token's first row adds up all of them, the others have nothing to do.
template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads) embedding_backward_kernel(EmbeddingBackward p) {
  int64_t c = (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * kCount;
  int64_t at = blockIdx.x, token = p.tokens[at];
  if (c >= p.columns || (at > 0 && p.tokens[at - 1] == token)) return;
  float sum[kCount] = {};
  for (; at < p.rows && p.tokens[at] == token; ++at) {
    const T* d_row = static_cast<const T*>(p.d_rows) + p.order[at] * p.columns;
    Chunk<T, kCount> chunk = load<T, kCount>(d_row + c);
    for (int k = 0; k < kCount; ++k) sum[k] += chunk[k];
  }
  float* d_embedding = p.d_embedding + token * p.columns + c;
  for (int k = 0; k < kCount; ++k) d_embedding[k] += sum[k];
}

// One thread kCount parameters: 16 bytes read of each, 14 to 16 written. Everything that it needs
// lies in flat buffers, so that two launches serve all weights, those with decay and those without.
template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(AdamW p, float correction1, float correction2) {
  int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kCount;
  if (i >= p.count) return;
  // Read on the device: asking for the norm on the host would wait for the whole backward pass.
  float norm = *p.gradient_norm, limit = static_cast<float>(p.clip_norm);
  float clip = limit > 0 && norm > limit ? limit / norm : 1.0f;
  float beta1 = static_cast<float>(p.beta1), beta2 = static_cast<float>(p.beta2);
  float keep = static_cast<float>(1.0 - p.learning_rate * p.weight_decay);
  Chunk<float, kCount> gradient = load<float, kCount>(p.gradient + i),
                       m = load<float, kCount>(p.moment1 + i),
                       v = load<float, kCount>(p.moment2 + i),
                       weight = load<float, kCount>(p.master + i);
  Chunk<T, kCount> rounded;
  for (int k = 0; k < kCount; ++k) {
    float g = gradient[k] * clip;
    m.set(k, beta1 * m[k] + (1.0f - beta1) * g);
    v.set(k, beta2 * v[k] + (1.0f - beta2) * g * g);
    float update = static_cast<float>(p.learning_rate) * (m[k] * correction1) /
                   (sqrtf(v[k] * correction2) + static_cast<float>(p.epsilon));
    weight.set(k, weight[k] * keep - update);
    rounded.set(k, weight[k]);
  }
  store(p.moment1 + i, m);
  store(p.moment2 + i, v);
  store(p.master + i, weight);
  store(static_cast<T*>(p.weights) + i, rounded);
}

}  // namespace

void rms_norm_forward(const KernelTarget& target, const RmsNormForward& p) {
  bool wide = in_16_bytes(target, p.columns, {p.x, p.delta, p.weight, p.sum, p.y});
  dispatch(target, wide, "rms_norm_forward", [&](auto access) {
    using A = decltype(access);
    size_t row = static_cast<size_t>(p.columns) * sizeof(typename A::Data);
    return start(target, rms_norm_forward_kernel<typename A::Data, A::kCount>,
                 static_cast<unsigned>(p.rows), threads_for(p.columns / A::kCount, kMostThreads),
                 kReduceBytes + row, p);
  });
}

void rms_norm_backward(const KernelTarget& target, const RmsNormBackward& p) {
  bool wide = in_16_bytes(target, p.columns, {p.d_y, p.sum, p.weight, p.d_sum});
  unsigned parts = 0;
  dispatch(target, wide, "rms_norm_backward", [&](auto access) {
    using A = decltype(access);
    using T = typename A::Data;
    unsigned threads = threads_for(p.columns / A::kCount, kNormThreads);
    parts = parts_of(p.rows, threads);
    auto go = [&](auto kernel) { return start(target, kernel, parts, threads, kReduceBytes, p); };
    switch (blocks_of(threads * A::kCount, p.columns)) {
      case 1:
        return go(rms_norm_backward_kernel<T, A::kCount, 1>);
      case 2:
        return go(rms_norm_backward_kernel<T, A::kCount, 2>);
      case 3:
      case 4:
        return go(rms_norm_backward_kernel<T, A::kCount, 4>);
      default:
        break;
    }
    if (p.columns > 16 * threads * A::kCount) return cudaErrorInvalidValue;
    return go(rms_norm_backward_kernel<T, A::kCount, 16>);
  });
  check(start(target, rms_norm_weight_sum_kernel, blocks_of(32, p.columns), dim3(32, 32),
              kReduceBytes + 32 * 32 * sizeof(float), p, parts),
        "rms_norm_backward");
}

void rotary(const KernelTarget& target, const Rotary& asked) {
  Rotary p = asked;
  if (p.kv_heads == 0) p.kv_heads = p.heads;
  bool wide = in_16_bytes(target, p.head_size / 2, {p.qkv, p.q, p.k, p.v});
  dispatch(target, wide, "rotary", [&](auto access) {
    using A = decltype(access);
    return start(target, rotary_kernel<typename A::Data, A::kCount>, static_cast<unsigned>(p.rows),
                 threads_for((p.heads + p.kv_heads) * (p.head_size / 2) / A::kCount, kThreads), 0,
                 p);
  });
}

void swiglu_forward(const KernelTarget& target, const SwiGlu& p) {
  bool wide = in_16_bytes(target, p.columns, {p.gate_up, p.y});
  dispatch(target, wide, "swiglu_forward", [&](auto access) {
    using A = decltype(access);
    unsigned threads = threads_for(p.columns / A::kCount, kThreads);
    dim3 grid(static_cast<unsigned>(p.rows), blocks_of(threads * A::kCount, p.columns));
    return start(target, swiglu_forward_kernel<typename A::Data, A::kCount>, grid, threads, 0, p);
  });
}

void swiglu_backward(const KernelTarget& target, const SwiGlu& p) {
  bool wide = in_16_bytes(target, p.columns, {p.gate_up, p.d_y, p.d_gate_up});
  dispatch(target, wide, "swiglu_backward", [&](auto access) {
    using A = decltype(access);
    unsigned threads = threads_for(p.columns / A::kCount, kThreads);
    dim3 grid(static_cast<unsigned>(p.rows), blocks_of(threads * A::kCount, p.columns));
    return start(target, swiglu_backward_kernel<typename A::Data, A::kCount>, grid, threads, 0, p);
  });
}

void cross_entropy(const KernelTarget& target, const CrossEntropy& p) {
  bool wide = in_16_bytes(target, p.vocabulary, {p.logits});
  dispatch(target, wide, "cross_entropy", [&](auto access) {
    using A = decltype(access);
    using T = typename A::Data;
    unsigned threads = threads_for(p.vocabulary / A::kCount, kCrossEntropyThreads);
    auto go = [&](auto kernel) {
      return start(target, kernel, static_cast<unsigned>(p.rows), threads, kReduceBytes, p);
    };
    constexpr int kHeld = 8;  // 32,768 numbers in bf16: more registers would leave one block alone
    bool fits = p.vocabulary <= kHeld * threads * A::kCount;
    return fits ? go(cross_entropy_kernel<T, A::kCount, kHeld>)
                : go(cross_entropy_kernel<T, A::kCount, 0>);
  });
}

void embedding_backward(const KernelTarget& target, const EmbeddingBackward& p) {
  bool wide = in_16_bytes(target, p.columns, {p.d_rows});
  dispatch(target, wide, "embedding_backward", [&](auto access) {
    using A = decltype(access);
    unsigned threads = threads_for(p.columns / A::kCount, kThreads);
    dim3 grid(static_cast<unsigned>(p.rows), blocks_of(threads * A::kCount, p.columns));
    return start(target, embedding_backward_kernel<typename A::Data, A::kCount>, grid, threads, 0,
                 p);
  });
}

void adamw(const KernelTarget& target, const AdamW& p) {
  auto correction = [&](double beta) {
    return static_cast<float>(1.0 / (1.0 - std::pow(beta, static_cast<double>(p.step))));
  };
  // Four at a time: 16 bytes of the fp32 buffers, 8 of bf16 weights.
  bool wide = in_16_bytes({}, p.count, {p.gradient, p.master, p.moment1, p.moment2}) &&
              in_16_bytes({}, 0, {p.weights});
  auto go = [&](auto kernel, int count) {
    check(start(target, kernel, blocks_of(kThreads * count, p.count), kThreads, 0, p,
                correction(p.beta1), correction(p.beta2)),
          "adamw");
  };
  bool bf16 = target.precision == Precision::kBfloat16;
  if (wide) return bf16 ? go(adamw_kernel<__nv_bfloat16, 4>, 4) : go(adamw_kernel<float, 4>, 4);
  bf16 ? go(adamw_kernel<__nv_bfloat16, 1>, 1) : go(adamw_kernel<float, 1>, 1);
}

}  // namespace crosslaw::trainer::gpu
