#pragma once

#include <cstdint>

// The arithmetic that LibTorch lacks in fused form, on raw pointers. Every kernel has a CPU twin
// (fp32, OpenMP's threads, the same bits for any number of them) and a CUDA twin (fp32 or bf16 data
// with fp32 arithmetic, launched on `stream`, deterministic) with the same meaning, NaN and
// infinities included. Matrices are row-major and dense.

namespace crosslaw::trainer {

enum class Precision { kFloat32, kBfloat16 };

// Where a kernel runs. On the CPU data are always fp32.
struct KernelTarget {
  bool gpu = false;
  Precision precision = Precision::kFloat32;
  void* stream = nullptr;  // cudaStream_t
};

// "data" pointers have the target's precision, float pointers are fp32 everywhere.

// sum = x + delta (delta may be null), y = sum * rstd * weight, rstd = 1 / sqrt(mean(sum^2) +
// epsilon).
struct RmsNormForward {
  int64_t rows, columns;
  double epsilon;
  const void* x;       // data (rows, columns)
  const void* delta;   // data (rows, columns) or null
  const void* weight;  // data (columns)
  void* sum;           // data (rows, columns); may be x
  void* y;             // data (rows, columns)
  float* rstd;         // (rows)
};
void rms_norm_forward(const KernelTarget& target, const RmsNormForward& p);

// d_sum (+)= gradient through the norm; d_weight += its gradient. `accumulate` adds to d_sum, the
// gradient that already flows along the residual stream.
struct RmsNormBackward {
  int64_t rows, columns;
  bool accumulate;
  const void* d_y;     // data (rows, columns)
  const void* sum;     // data (rows, columns)
  const void* weight;  // data (columns)
  const float* rstd;   // (rows)
  void* d_sum;         // data (rows, columns)
  float* d_weight;     // (columns)
  float* scratch;  // (kRmsNormScratchRows, columns), on the CPU (kRmsNormScratchRowsCpu, columns)
};
// On the GPU the blocks of one turn on an H100 at 64 threads: 132 multiprocessors times
// 2 * 512 / 64; parts_of() stays within it.
inline constexpr int64_t kRmsNormScratchRows = 2112, kRmsNormScratchRowsCpu = 512;
void rms_norm_backward(const KernelTarget& target, const RmsNormBackward& p);

// Rotates the queries and keys of packed rows (q | k | v) by their position; q is `heads` x
// `head_size`, k and v are `kv_heads` x `head_size`. Pairs (i, i + head_size / 2) as in Hugging
// Face's LLaMA. inverse: the backward pass. In place, or, where q, k and v lie apart, as attention
// leaves their gradients, from there: one pass over memory turns them and puts them side by side.
struct Rotary {
  int64_t rows, context, heads, head_size;
  bool inverse;
  const float* cosines;  // (context, head_size / 2)
  const float* sines;    // (context, head_size / 2)
  void* qkv;             // data (rows, (heads + 2 * kv_heads) * head_size)
  int64_t kv_heads = 0;  // 0: heads
  // Null, or data (rows, heads * head_size) and twice (rows, kv_heads * head_size).
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
};
void rotary(const KernelTarget& target, const Rotary& p);

// y = silu(gate) * up for rows (gate | up), each `columns` wide.
struct SwiGlu {
  int64_t rows, columns;
  const void* gate_up;  // data (rows, 2 * columns)
  void* y;              // forward: data (rows, columns)
  const void* d_y;      // backward: data (rows, columns)
  void* d_gate_up;      // backward: data (rows, 2 * columns)
};
void swiglu_forward(const KernelTarget& target, const SwiGlu& p);
void swiglu_backward(const KernelTarget& target, const SwiGlu& p);

// loss[row] = log sum exp(logits[row]) - logits[row][target]; unless d_scale is 0, the logits are
// overwritten by their gradient times d_scale, which is not negative.
struct CrossEntropy {
  int64_t rows, vocabulary;
  float d_scale;
  void* logits;            // data (rows, vocabulary)
  const int64_t* targets;  // (rows)
  float* loss;             // (rows)
};
void cross_entropy(const KernelTarget& target, const CrossEntropy& p);

// d_embedding[token] += the gradients of all rows that looked it up, in fp32. The rows come sorted
// by their token, those of one token in the order in which they stand, hence a fixed order of sums.
struct EmbeddingBackward {
  int64_t rows, columns;
  const void* d_rows;     // data (rows, columns)
  const int64_t* tokens;  // (rows), ascending
  const int64_t* order;   // (rows): where each one's row is; null: tokens are not sorted (CPU)
  float* d_embedding;     // (vocabulary, columns)
};
void embedding_backward(const KernelTarget& target, const EmbeddingBackward& p);

// One AdamW step (arXiv:1711.05101, algorithm 2) over a flat buffer. Gradients are first multiplied
// by min(1, clip_norm / norm); weights are the master copy rounded to the target's precision, and
// may be it.
struct AdamW {
  int64_t count;
  int64_t step;                                                          // 1 for the first
  double learning_rate, beta1, beta2, epsilon, weight_decay, clip_norm;  // clip_norm 0: no clipping
  const float* gradient_norm;                                            // (1)
  const float* gradient;                                                 // (count)
  float* master;                                                         // (count)
  float* moment1;                                                        // (count)
  float* moment2;                                                        // (count)
  void* weights;                                                         // data (count)
};
void adamw(const KernelTarget& target, const AdamW& p);

// ---- CPU only; on the GPU LibTorch does both better ---------------------------------------------

// c (+)= a b. a is read at a[i * row_step + k * inner_step], so that a transposed matrix needs no
// copy; b likewise.
struct MatrixProduct {
  int64_t rows, columns, inner;
  const float* a;
  int64_t a_row_step, a_inner_step;
  const float* b;
  int64_t b_inner_step, b_column_step;
  float* c;
  int64_t c_row_step;
  bool accumulate;
};
void matrix_product(const MatrixProduct& p);

// Causal attention over packed rows (q | k | v) of `sequences` sequences, scale 1 /
// sqrt(head_size). Each of the `kv_heads` heads of keys and values serves heads / kv_heads
// neighbouring heads of queries (arXiv:2305.13245), whose gradients to it add up. The backward pass
// recomputes the weights from log_sum_exp.
struct CausalAttention {
  int64_t sequences, context, heads, head_size;
  const float* qkv;         // (sequences * context, (heads + 2 * kv_heads) * head_size)
  float* attended;          // (sequences * context, heads * head_size)
  float* log_sum_exp;       // (sequences, heads, context)
  const float* d_attended;  // backward: (sequences * context, heads * head_size)
  float* d_qkv;             // backward: as qkv
  int64_t kv_heads = 0;     // 0: heads
};
void causal_attention_forward(const CausalAttention& p);
void causal_attention_backward(const CausalAttention& p);

// The CUDA twins; a build without CUDA throws.
namespace gpu {
void rms_norm_forward(const KernelTarget& target, const RmsNormForward& p);
void rms_norm_backward(const KernelTarget& target, const RmsNormBackward& p);
void rotary(const KernelTarget& target, const Rotary& p);
void swiglu_forward(const KernelTarget& target, const SwiGlu& p);
void swiglu_backward(const KernelTarget& target, const SwiGlu& p);
void cross_entropy(const KernelTarget& target, const CrossEntropy& p);
void embedding_backward(const KernelTarget& target, const EmbeddingBackward& p);
void adamw(const KernelTarget& target, const AdamW& p);
}  // namespace gpu

}  // namespace crosslaw::trainer
