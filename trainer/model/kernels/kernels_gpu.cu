// The CUDA twins: data are fp32 or bf16, arithmetic is fp32, and no atomics are used, so that the
// same inputs give the same bits. All of them are bound by memory, not by arithmetic: each reads
// and writes every number as few times as its formula allows, 16 bytes a thread at a time, and
// finds its place without a division of 64-bit numbers. The formulas are explained at the CPU
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

// Grid (up to kRmsNormScratchRows): each block takes every gridDim-th row, writes its d_sum, and
// adds up the rows' part in the weight's gradient, fp32 in shared memory. Each thread keeps to its
// own columns, so that only the reduction needs barriers.
template <typename T, int kCount>
__global__ void __launch_bounds__(kMostThreads) rms_norm_backward_kernel(RmsNormBackward p) {
  const T* weight = static_cast<const T*>(p.weight);
  unsigned columns = static_cast<unsigned>(p.columns), stride = blockDim.x * kCount;
  float* d_weight = shared_row<float>();
  T* d_y_row = reinterpret_cast<T*>(d_weight + columns);
  T* sum_row = d_y_row + columns;
  for (unsigned c = threadIdx.x * kCount; c < columns; c += stride) {
    for (int k = 0; k < kCount; ++k) d_weight[c + k] = 0;
  }
  for (int64_t r = blockIdx.x; r < p.rows; r += gridDim.x) {
    const T* d_y = static_cast<const T*>(p.d_y) + r * p.columns;
    const T* sum = static_cast<const T*>(p.sum) + r * p.columns;
    T* d_sum = static_cast<T*>(p.d_sum) + r * p.columns;
    float rstd = p.rstd[r], dot = 0;
    for (unsigned c = threadIdx.x * kCount; c < columns; c += stride) {
      Chunk<T, kCount> dy = load<T, kCount>(d_y + c), x = load<T, kCount>(sum + c),
                       factor = load<T, kCount>(weight + c);
      for (int k = 0; k < kCount; ++k) {
        dot += dy[k] * factor[k] * x[k];
        d_weight[c + k] += dy[k] * x[k] * rstd;
      }
      store(d_y_row + c, dy);
      store(sum_row + c, x);
    }
    dot = block_reduce<Sum>(dot);
    float back = dot * rstd * rstd * rstd / static_cast<float>(p.columns);
    for (unsigned c = threadIdx.x * kCount; c < columns; c += stride) {
      Chunk<T, kCount> dy = load<T, kCount>(d_y_row + c), x = load<T, kCount>(sum_row + c),
                       factor = load<T, kCount>(weight + c), out{};
      if (p.accumulate) out = load<T, kCount>(d_sum + c);
      for (int k = 0; k < kCount; ++k)
        out.set(k, (p.accumulate ? out[k] : 0.0f) + rstd * factor[k] * dy[k] - back * x[k]);
      store(d_sum + c, out);
    }
  }
  for (unsigned c = threadIdx.x * kCount; c < columns; c += stride) {
    for (int k = 0; k < kCount; ++k) p.scratch[blockIdx.x * p.columns + c + k] = d_weight[c + k];
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
  unsigned half = static_cast<unsigned>(p.head_size / 2), chunks_in_head = half / kCount;
  unsigned chunks = static_cast<unsigned>(p.heads + p.kv_heads) * chunks_in_head;
  int64_t position = blockIdx.x % static_cast<unsigned>(p.context);
  // The first heads are queries, the next ones are keys: packed, they need no test.
  T* row = static_cast<T*>(p.qkv) + blockIdx.x * (p.heads + 2 * p.kv_heads) * p.head_size;
  float direction = p.inverse ? -1.0f : 1.0f;
  for (unsigned chunk = threadIdx.x; chunk < chunks; chunk += blockDim.x) {
    unsigned head = chunk / chunks_in_head, i = chunk % chunks_in_head * kCount;
    T* first = row + head * static_cast<unsigned>(p.head_size) + i;
    T* second = first + half;
    const float* cosines = p.cosines + position * half + i;
    const float* sines = p.sines + position * half + i;
    Chunk<T, kCount> a = load<T, kCount>(first), b = load<T, kCount>(second), turned_a, turned_b;
    for (int k = 0; k < kCount; ++k) {
      float sine = direction * sines[k];
      turned_a.set(k, a[k] * cosines[k] - b[k] * sine);
      turned_b.set(k, b[k] * cosines[k] + a[k] * sine);
    }
    store(first, turned_a);
    store(second, turned_b);
  }
}

// Grid (rows, parts of a row), one thread kCount elements of y. __expf's error, a few units in the
// last place, is far below bf16's rounding.
template <typename T, int kCount>
__global__ void __launch_bounds__(kThreads) swiglu_forward_kernel(SwiGlu p) {
  int64_t c = (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * kCount;
  if (c >= p.columns) return;
  const T* gate_at = static_cast<const T*>(p.gate_up) + blockIdx.x * 2 * p.columns + c;
  Chunk<T, kCount> gate = load<T, kCount>(gate_at), up = load<T, kCount>(gate_at + p.columns), y;
  for (int k = 0; k < kCount; ++k) y.set(k, gate[k] / (1.0f + __expf(-gate[k])) * up[k]);
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
    float sigmoid = 1.0f / (1.0f + __expf(-gate[k]));
    float silu = gate[k] * sigmoid;
    d_gate.set(k, d_y[k] * up[k] * (sigmoid + silu * (1.0f - sigmoid)));
    d_up.set(k, d_y[k] * silu);
  }
  store(d_gate_at, d_gate);
  store(d_gate_at + p.columns, d_up);
}

// One block a row, grid (rows). The row is read from memory once and then from shared memory, where
// it fits; else (`kept` false) from the second cache.
template <typename T, int kCount>
__global__ void __launch_bounds__(kCrossEntropyThreads)
    cross_entropy_kernel(CrossEntropy p, bool kept) {
  T* logits = static_cast<T*>(p.logits) + blockIdx.x * p.vocabulary;
  T* row = kept ? shared_row<T>() : logits;
  unsigned vocabulary = static_cast<unsigned>(p.vocabulary), stride = blockDim.x * kCount;
  unsigned target = static_cast<unsigned>(p.targets[blockIdx.x]);
  // Read now: the reductions lie between this and the writing of the gradient.
  float target_logit = to_float(logits[target]);
  float largest = -INFINITY;
  for (unsigned v = threadIdx.x * kCount; v < vocabulary; v += stride) {
    Chunk<T, kCount> chunk = load<T, kCount>(logits + v);
    for (int k = 0; k < kCount; ++k) largest = Largest::of(largest, chunk[k]);
    if (kept) store(row + v, chunk);
  }
  largest = block_reduce<Largest>(largest);
  float sum = 0;
  for (unsigned v = threadIdx.x * kCount; v < vocabulary; v += stride) {
    Chunk<T, kCount> chunk = load<T, kCount>(row + v);
    for (int k = 0; k < kCount; ++k) sum += __expf(chunk[k] - largest);
  }
  sum = block_reduce<Sum>(sum);
  if (threadIdx.x == 0) p.loss[blockIdx.x] = logf(sum) + (largest - target_logit);
  if (p.d_scale == 0) return;
  float scale = p.d_scale / sum;
  for (unsigned v = threadIdx.x * kCount; v < vocabulary; v += stride) {
    Chunk<T, kCount> chunk = load<T, kCount>(row + v);
    for (int k = 0; k < kCount; ++k) {
      float gradient = __expf(chunk[k] - largest) * scale;
      chunk.set(k, v + k == target ? gradient - p.d_scale : gradient);
    }
    store(logits + v, chunk);
  }
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
  unsigned parts =
      static_cast<unsigned>(p.rows < kRmsNormScratchRows ? p.rows : kRmsNormScratchRows);
  dispatch(target, wide, "rms_norm_backward", [&](auto access) {
    using A = decltype(access);
    size_t rows = static_cast<size_t>(p.columns) * (sizeof(float) + 2 * sizeof(typename A::Data));
    return start(target, rms_norm_backward_kernel<typename A::Data, A::kCount>, parts,
                 threads_for(p.columns / A::kCount, kMostThreads), kReduceBytes + rows, p);
  });
  check(start(target, rms_norm_weight_sum_kernel, blocks_of(32, p.columns), dim3(32, 32),
              kReduceBytes + 32 * 32 * sizeof(float), p, parts),
        "rms_norm_backward");
}

void rotary(const KernelTarget& target, const Rotary& asked) {
  Rotary p = asked;
  if (p.kv_heads == 0) p.kv_heads = p.heads;
  bool wide = in_16_bytes(target, p.head_size / 2, {p.qkv});
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
    size_t row = static_cast<size_t>(p.vocabulary) * sizeof(typename A::Data);
    bool kept = static_cast<int64_t>(kReduceBytes + row) <= shared_bytes_allowed();
    return start(target, cross_entropy_kernel<typename A::Data, A::kCount>,
                 static_cast<unsigned>(p.rows),
                 threads_for(p.vocabulary / A::kCount, kCrossEntropyThreads),
                 kReduceBytes + (kept ? row : 0), p, kept);
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
