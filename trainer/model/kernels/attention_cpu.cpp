#include <algorithm>
#include <cmath>
#include <vector>

#include "trainer/model/kernels/kernels.h"
#include "trainer/model/kernels/parallel.h"
#include "trainer/model/kernels/simd.h"

namespace crosslaw::trainer {
namespace {

// Queries are taken in blocks, each against the keys up to its end; the products are small matrix
// products, and only the weights of one block are in memory. A block's weights are 32 x context
// floats: 32 KiB at a context of 256, the size of a first cache. The keys after the block's last
// query are never touched, which halves the work; inside the diagonal block they are computed and
// thrown away, 32 / context of it.
constexpr int64_t kBlock = 32;

// One head of one sequence inside the packed rows.
struct Head {
  const float *q, *k, *v;  // (context, head_size), rows `step` apart
  int64_t step;            // of q, k, v
  int64_t out_step;        // of attended
  int64_t head_size;
  int64_t offset;     // of this head in attended
  bool first_of_key;  // the first query head that reads these keys and values
};

Head head_of(const CausalAttention& p, int64_t sequence, int64_t head) {
  int64_t kv_heads = p.kv_heads > 0 ? p.kv_heads : p.heads, group = p.heads / kv_heads;
  int64_t width = p.heads * p.head_size, kv_width = kv_heads * p.head_size;
  int64_t step = width + 2 * kv_width, first_row = sequence * p.context;
  const float* row = p.qkv + first_row * step;
  const float* k = row + width + head / group * p.head_size;
  return {row + head * p.head_size,
          k,
          k + kv_width,
          step,
          width,
          p.head_size,
          first_row * width + head * p.head_size,
          head % group == 0};
}

// softmax over keys [0, row's own position] of scaled scores; later keys get weight 0.
CROSSLAW_SIMD void softmax_rows(float* weights, int64_t first, int64_t count, int64_t length,
                                float scale, float* log_sum_exp) {
  for (int64_t row = 0; row < count; ++row) {
    float* w = weights + row * length;
    int64_t seen = first + row + 1;
    // The scale is positive, so the largest score is the largest scaled score, too.
    float largest = largest_of(w, seen);
    for (int64_t j = 0; j < seen; ++j) w[j] = exp_fast((w[j] - largest) * scale);
    float sum = sum_of_products(seen, w), inverse = 1.0f / sum;
    for (int64_t j = 0; j < seen; ++j) w[j] *= inverse;
    std::fill(w + seen, w + length, 0.0f);
    // All that the backward pass needs to make the weights again (FlashAttention-2,
    // arXiv:2307.08691, section 3.1): one number a query instead of a row of weights.
    log_sum_exp[row] = largest * scale + std::log(sum);
  }
}

CROSSLAW_SIMD void recompute_rows(float* weights, int64_t first, int64_t count, int64_t length,
                                  float scale, const float* log_sum_exp) {
  for (int64_t row = 0; row < count; ++row) {
    float* w = weights + row * length;
    int64_t seen = first + row + 1;
    // softmax = e^(score - log sum e^score): already normalised, no second sum.
    for (int64_t j = 0; j < seen; ++j) w[j] = exp_fast(w[j] * scale - log_sum_exp[row]);
    std::fill(w + seen, w + length, 0.0f);
  }
}

// d_scores = scale * weights * (d_weights - sum over columns of d_attended * attended), in
// d_weights.
CROSSLAW_SIMD void softmax_backward_rows(const float* weights, float* d_weights, int64_t count,
                                         int64_t length, float scale, const float* d_attended,
                                         const float* attended, const Head& h) {
  for (int64_t row = 0; row < count; ++row) {
    // sum_j weight_j d_weight_j = d_attended . attended, for attended = sum_j weight_j value_j: a
    // dot product of head_size numbers instead of `length` ones.
    float dot =
        sum_of_products(h.head_size, d_attended + row * h.out_step, attended + row * h.out_step);
    for (int64_t j = 0; j < length; ++j) {
      d_weights[row * length + j] =
          scale * weights[row * length + j] * (d_weights[row * length + j] - dot);
    }
  }
}

// (count, length) scores or weight gradients: rows times keys or values, transposed.
void against_rows(const float* rows, int64_t rows_step, const float* others, const Head& h,
                  int64_t count, int64_t length, float* to) {
  matrix_product(
      {count, length, h.head_size, rows, rows_step, 1, others, 1, h.step, to, length, false});
}

void forward_head(const CausalAttention& p, const Head& h, float* log_sum_exp,
                  std::vector<float>& weights) {
  float scale = 1.0f / std::sqrt(static_cast<float>(h.head_size));
  for (int64_t first = 0; first < p.context; first += kBlock) {
    int64_t count = std::min(kBlock, p.context - first), length = first + count;
    weights.resize(static_cast<size_t>(count * length));
    against_rows(h.q + first * h.step, h.step, h.k, h, count, length, weights.data());
    softmax_rows(weights.data(), first, count, length, scale, log_sum_exp + first);
    matrix_product({count, h.head_size, length, weights.data(), length, 1, h.v, h.step, 1,
                    p.attended + h.offset + first * h.out_step, h.out_step, false});
  }
}

void backward_head(const CausalAttention& p, const Head& h, float* d_q, const float* log_sum_exp,
                   std::vector<float>& weights, std::vector<float>& d_weights) {
  float scale = 1.0f / std::sqrt(static_cast<float>(h.head_size));
  float *d_k = d_q + (h.k - h.q), *d_v = d_q + (h.v - h.q);
  for (int64_t first = 0; first < p.context; first += kBlock) {
    int64_t count = std::min(kBlock, p.context - first), length = first + count;
    weights.resize(static_cast<size_t>(count * length)), d_weights.resize(weights.size());
    // The order: weights again, their gradient, then d_v while the weights are whole, then the
    // scores' gradient in place of the weights' gradient, from which d_q and d_k follow.
    const float *q = h.q + first * h.step, *d_out = p.d_attended + h.offset + first * h.out_step;
    against_rows(q, h.step, h.k, h, count, length, weights.data());
    recompute_rows(weights.data(), first, count, length, scale, log_sum_exp + first);
    against_rows(d_out, h.out_step, h.v, h, count, length, d_weights.data());
    // Rows [0, first) of d_k and d_v were begun by earlier blocks; the rows of this block start
    // here, unless an earlier head that shares them has begun all.
    for (float* d : {d_k, d_v}) {
      if (!h.first_of_key) break;
      for (int64_t t = first; t < length; ++t) std::fill_n(d + t * h.step, h.head_size, 0.0f);
    }
    // d_v += weights^T d_out: the steps (1, length) read the weights transposed.
    matrix_product({length, h.head_size, count, weights.data(), 1, length, d_out, h.out_step, 1,
                    d_v, h.step, true});
    softmax_backward_rows(weights.data(), d_weights.data(), count, length, scale, d_out,
                          p.attended + h.offset + first * h.out_step, h);
    matrix_product({count, h.head_size, length, d_weights.data(), length, 1, h.k, h.step, 1,
                    d_q + first * h.step, h.step, false});
    matrix_product(
        {length, h.head_size, count, d_weights.data(), 1, length, q, h.step, 1, d_k, h.step, true});
  }
}

}  // namespace

// One head of one sequence at a time: its q, k and v fit into the second cache.
void causal_attention_forward(const CausalAttention& p) {
  in_parallel(p.sequences * p.heads, p.context * p.context, [&](int64_t first, int64_t end) {
    std::vector<float> weights;
    for (int64_t i = first; i < end; ++i)
      forward_head(p, head_of(p, i / p.heads, i % p.heads), p.log_sum_exp + i * p.context, weights);
  });
}

// The heads that share keys add to the same gradients: one thread takes all of them, in order.
void causal_attention_backward(const CausalAttention& p) {
  const int64_t kv_heads = p.kv_heads > 0 ? p.kv_heads : p.heads, group = p.heads / kv_heads;
  in_parallel(p.sequences * kv_heads, group * p.context * p.context,
              [&](int64_t first, int64_t end) {
                std::vector<float> weights, d_weights;
                for (int64_t i = first * group; i < end * group; ++i) {
                  Head h = head_of(p, i / p.heads, i % p.heads);
                  backward_head(p, h, p.d_qkv + (h.q - p.qkv), p.log_sum_exp + i * p.context,
                                weights, d_weights);
                }
              });
}

}  // namespace crosslaw::trainer
