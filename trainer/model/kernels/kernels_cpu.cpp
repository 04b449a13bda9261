// The CPU twins, one row after the other: a row of a small model fits into the first cache, so that
// each pass over it after the first is nearly free. A NaN or an infinity that comes in goes out, as
// it does on the GPU: the loop over the steps finds divergence by it. Each function below does the
// rows [first, end); the public ones at the end deal them out to the threads. Nothing depends on
// how many there are.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "trainer/model/kernels/kernels.h"
#include "trainer/model/kernels/parallel.h"
#include "trainer/model/kernels/simd.h"

namespace crosslaw::trainer {
namespace {

const float* in(const void* p) { return static_cast<const float*>(p); }
float* out(void* p) { return static_cast<float*>(p); }

CROSSLAW_SIMD void rms_norm_forward_cpu(const RmsNormForward& p, int64_t first, int64_t end) {
  const float* weight = in(p.weight);
  for (int64_t row = first; row < end; ++row) {
    const float* x = in(p.x) + row * p.columns;
    float* sum = out(p.sum) + row * p.columns;
    float* y = out(p.y) + row * p.columns;
    // The branch's output joins the residual stream here, so that the sum is read once for the norm
    // and for the stream, instead of by two kernels.
    if (p.delta) {
      const float* delta = in(p.delta) + row * p.columns;
      for (int64_t c = 0; c < p.columns; ++c) sum[c] = x[c] + delta[c];
    } else if (sum != x) {
      std::memcpy(sum, x, static_cast<size_t>(p.columns) * sizeof(float));
    }
    // fp32 is enough for the sum: all terms are positive, so nothing cancels.
    float squares = sum_of_products(p.columns, sum, sum);
    float rstd =
        1.0f / std::sqrt(squares / static_cast<float>(p.columns) + static_cast<float>(p.epsilon));
    for (int64_t c = 0; c < p.columns; ++c) y[c] = sum[c] * rstd * weight[c];
    p.rstd[row] = rstd;
  }
}

// d_weight: (columns), to which the rows' part of the weight's gradient is added.
CROSSLAW_SIMD void rms_norm_backward_cpu(const RmsNormBackward& p, int64_t first, int64_t end,
                                         float* d_weight) {
  const float* weight = in(p.weight);
  for (int64_t row = first; row < end; ++row) {
    const float* d_y = in(p.d_y) + row * p.columns;
    const float* sum = in(p.sum) + row * p.columns;
    float* d_sum = out(p.d_sum) + row * p.columns;
    float rstd = p.rstd[row];
    // With y = w x r and r = (mean(x^2) + epsilon)^-1/2, dL/dx = r w dy - x r^3 sum(w x dy) /
    // columns: the second term is what moving x changes in r.
    float dot = sum_of_products(p.columns, d_y, weight, sum);
    for (int64_t c = 0; c < p.columns; ++c) d_weight[c] += d_y[c] * sum[c] * rstd;
    // The same for every column, hence taken out of the loop.
    float back = dot * rstd * rstd * rstd / static_cast<float>(p.columns);
    if (p.accumulate) {
      for (int64_t c = 0; c < p.columns; ++c) d_sum[c] += rstd * weight[c] * d_y[c] - back * sum[c];
    } else {
      for (int64_t c = 0; c < p.columns; ++c) d_sum[c] = rstd * weight[c] * d_y[c] - back * sum[c];
    }
  }
}

CROSSLAW_SIMD void rotary_cpu(const Rotary& p, int64_t first, int64_t end) {
  int64_t half = p.head_size / 2, kv_heads = p.kv_heads > 0 ? p.kv_heads : p.heads;
  int64_t row_width = (p.heads + 2 * kv_heads) * p.head_size;
  float direction = p.inverse ? -1.0f : 1.0f;
  for (int64_t row = first; row < end; ++row) {
    const float* cosines = p.cosines + (row % p.context) * half;
    const float* sines = p.sines + (row % p.context) * half;
    float* qk = out(p.qkv) + row * row_width;
    if (p.q) {
      int64_t q_width = p.heads * p.head_size, kv_width = kv_heads * p.head_size;
      std::copy_n(in(p.q) + row * q_width, q_width, qk);
      std::copy_n(in(p.k) + row * kv_width, kv_width, qk + q_width);
      std::copy_n(in(p.v) + row * kv_width, kv_width, qk + q_width + kv_width);
    }
    // Queries and keys lie side by side and are turned alike. The values behind them stay.
    for (int64_t head = 0; head < p.heads + kv_heads; ++head) {
      float* left = qk + head * p.head_size;
      float* right = left + half;
      for (int64_t i = 0; i < half; ++i) {
        // A rotation by minus the angle undoes one by the angle, and is the gradient of it.
        float sine = direction * sines[i], a = left[i], b = right[i];
        left[i] = a * cosines[i] - b * sine;
        right[i] = b * cosines[i] + a * sine;
      }
    }
  }
}

CROSSLAW_SIMD void swiglu_forward_cpu(const SwiGlu& p, int64_t first, int64_t end) {
  for (int64_t row = first; row < end; ++row) {
    const float* gate = in(p.gate_up) + row * 2 * p.columns;
    const float* up = gate + p.columns;
    float* __restrict__ y = out(p.y) + row * p.columns;
    // silu(g) = g sigmoid(g) = g / (1 + e^-g); one exponential an element is most of the cost.
    for (int64_t c = 0; c < p.columns; ++c) y[c] = gate[c] / (1.0f + exp_fast(-gate[c])) * up[c];
  }
}

CROSSLAW_SIMD void swiglu_backward_cpu(const SwiGlu& p, int64_t first, int64_t end) {
  for (int64_t row = first; row < end; ++row) {
    const float* gate = in(p.gate_up) + row * 2 * p.columns;
    const float* up = gate + p.columns;
    const float* d_y = in(p.d_y) + row * p.columns;
    float* __restrict__ d_gate = out(p.d_gate_up) + row * 2 * p.columns;
    float* __restrict__ d_up = d_gate + p.columns;
    for (int64_t c = 0; c < p.columns; ++c) {
      float sigmoid = 1.0f / (1.0f + exp_fast(-gate[c]));
      float silu = gate[c] * sigmoid;
      // d silu / dg = sigmoid + g sigmoid (1 - sigmoid).
      d_gate[c] = d_y[c] * up[c] * (sigmoid + silu * (1.0f - sigmoid));
      d_up[c] = d_y[c] * silu;
    }
  }
}

CROSSLAW_SIMD void cross_entropy_cpu(const CrossEntropy& p, int64_t first, int64_t end) {
  for (int64_t row = first; row < end; ++row) {
    float* logits = out(p.logits) + row * p.vocabulary;
    // The largest is taken out first, so that no exponential exceeds 1.
    float largest = largest_of(logits, p.vocabulary);
    // Read now: the loop below overwrites the logits by their exponentials.
    float target_logit = logits[p.targets[row]];
    for (int64_t v = 0; v < p.vocabulary; ++v) logits[v] = exp_fast(logits[v] - largest);
    float sum = sum_of_products(p.vocabulary, logits);
    // The difference first: beside a logit of 1e8 the logarithm would be lost.
    p.loss[row] = std::log(sum) + (largest - target_logit);
    if (p.d_scale == 0) continue;
    // dL/dlogit = softmax - 1 at the target; e^(logit - largest) is already there to be scaled.
    float scale = p.d_scale / sum;
    for (int64_t v = 0; v < p.vocabulary; ++v) logits[v] *= scale;
    logits[p.targets[row]] -= p.d_scale;
  }
}

// The columns [first, end) of all rows, one row after the other: two of them may be of one token.
CROSSLAW_SIMD void embedding_backward_cpu(const EmbeddingBackward& p, int64_t first, int64_t end) {
  for (int64_t i = 0; i < p.rows; ++i) {
    const float* d_row = in(p.d_rows) + (p.order ? p.order[i] : i) * p.columns;
    float* d_embedding = p.d_embedding + p.tokens[i] * p.columns;
    for (int64_t c = first; c < end; ++c) d_embedding[c] += d_row[c];
  }
}

CROSSLAW_SIMD void adamw_cpu(const AdamW& p, int64_t first, int64_t end) {
  auto norm = *p.gradient_norm;
  // A norm of NaN fails the comparison, and NaN gradients go on unclipped; the loop over the steps
  // finds them in the recorded norm.
  float clip = p.clip_norm > 0 && norm > static_cast<float>(p.clip_norm)
                   ? static_cast<float>(p.clip_norm) / norm
                   : 1.0f;
  auto beta1 = static_cast<float>(p.beta1), beta2 = static_cast<float>(p.beta2);
  // The moments start at 0, so that they are too small by 1 - beta^step; in double, for beta2^step
  // near 1 loses the digits of a float.
  auto correction1 =
      static_cast<float>(1.0 / (1.0 - std::pow(p.beta1, static_cast<double>(p.step))));
  auto correction2 =
      static_cast<float>(1.0 / (1.0 - std::pow(p.beta2, static_cast<double>(p.step))));
  auto rate = static_cast<float>(p.learning_rate), epsilon = static_cast<float>(p.epsilon);
  // Decay acts on the weight itself, not through the moments: that is the W of AdamW.
  auto keep = static_cast<float>(1.0 - p.learning_rate * p.weight_decay);
  for (int64_t i = first; i < end; ++i) {
    float g = p.gradient[i] * clip;
    float m = beta1 * p.moment1[i] + (1.0f - beta1) * g;
    float v = beta2 * p.moment2[i] + (1.0f - beta2) * g * g;
    p.moment1[i] = m;
    p.moment2[i] = v;
    p.master[i] =
        p.master[i] * keep - rate * (m * correction1) / (std::sqrt(v * correction2) + epsilon);
  }
  if (p.weights != p.master)
    std::memcpy(out(p.weights) + first, p.master + first,
                static_cast<size_t>(end - first) * sizeof(float));
}

// The weight's gradient sums over the rows. They are cut into parts by their number alone, each
// with a sum of its own, so that the bits do not depend on the number of threads.
constexpr int64_t kRowsInPart = 256;

void rms_norm_backward_in_parts(const RmsNormBackward& p) {
  int64_t parts = std::clamp<int64_t>(p.rows / kRowsInPart, 1, kRmsNormScratchRowsCpu);
  if (parts == 1) return rms_norm_backward_cpu(p, 0, p.rows, p.d_weight);
  in_parallel(parts, p.rows / parts * p.columns, [&](int64_t first, int64_t end) {
    for (int64_t part = first; part < end; ++part) {
      float* d_weight = p.scratch + part * p.columns;
      std::fill_n(d_weight, p.columns, 0.0f);
      rms_norm_backward_cpu(p, p.rows * part / parts, p.rows * (part + 1) / parts, d_weight);
    }
  });
  for (int64_t part = 0; part < parts; ++part) {
    for (int64_t c = 0; c < p.columns; ++c) p.d_weight[c] += p.scratch[part * p.columns + c];
  }
}

}  // namespace

void rms_norm_forward(const KernelTarget& target, const RmsNormForward& p) {
  if (target.gpu) return gpu::rms_norm_forward(target, p);
  in_parallel(p.rows, p.columns,
              [&](int64_t first, int64_t end) { rms_norm_forward_cpu(p, first, end); });
}
void rms_norm_backward(const KernelTarget& target, const RmsNormBackward& p) {
  target.gpu ? gpu::rms_norm_backward(target, p) : rms_norm_backward_in_parts(p);
}
void rotary(const KernelTarget& target, const Rotary& p) {
  if (target.gpu) return gpu::rotary(target, p);
  in_parallel(p.rows, 2 * p.heads * p.head_size,
              [&](int64_t first, int64_t end) { rotary_cpu(p, first, end); });
}
void swiglu_forward(const KernelTarget& target, const SwiGlu& p) {
  if (target.gpu) return gpu::swiglu_forward(target, p);
  in_parallel(p.rows, 4 * p.columns,
              [&](int64_t first, int64_t end) { swiglu_forward_cpu(p, first, end); });
}
void swiglu_backward(const KernelTarget& target, const SwiGlu& p) {
  if (target.gpu) return gpu::swiglu_backward(target, p);
  in_parallel(p.rows, 4 * p.columns,
              [&](int64_t first, int64_t end) { swiglu_backward_cpu(p, first, end); });
}
void cross_entropy(const KernelTarget& target, const CrossEntropy& p) {
  if (target.gpu) return gpu::cross_entropy(target, p);
  in_parallel(p.rows, 4 * p.vocabulary,
              [&](int64_t first, int64_t end) { cross_entropy_cpu(p, first, end); });
}
void embedding_backward(const KernelTarget& target, const EmbeddingBackward& p) {
  if (target.gpu) return gpu::embedding_backward(target, p);
  in_parallel(p.columns, 3 * p.rows,
              [&](int64_t first, int64_t end) { embedding_backward_cpu(p, first, end); });
}
void adamw(const KernelTarget& target, const AdamW& p) {
  if (target.gpu) return gpu::adamw(target, p);
  in_parallel(p.count, 4, [&](int64_t first, int64_t end) { adamw_cpu(p, first, end); });
}

}  // namespace crosslaw::trainer
