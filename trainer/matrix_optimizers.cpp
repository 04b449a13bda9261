#include "trainer/matrix_optimizers.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <vector>

#include "trainer/recipe/learning_rate.h"

namespace crosslaw::trainer {
namespace {

constexpr double kTiny = 1e-12;  // a matrix of zeros has no direction
// Coefficients of the quintic that lifts small singular values fastest, and its steps (Jordan
// 2024).
constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
constexpr int kIterations = 5;

// Rows of the matrices that lie packed in one weight.
std::vector<int64_t> packed_rows(const ParameterSlot& slot, const ModelShape& shape) {
  if (slot.name.ends_with(".qkv"))
    return {shape.query_width(), shape.key_width(), shape.key_width()};
  if (slot.name.ends_with(".gate_up")) return {shape.ffn, shape.ffn};
  return {slot.shape.front()};
}

struct MatrixState {
  at::Tensor weight, gradient, moment1, moment2;
};

void adamh(const MatrixState& m, const OptimizerOptions& o, int64_t step, double rate) {
  m.moment1.mul_(o.beta1).add_(m.gradient, 1 - o.beta1);
  m.moment2.mul_(o.beta2).addcmul_(m.gradient, m.gradient, 1 - o.beta2);
  const auto n = static_cast<double>(step + 1);
  const double correction1 = 1 - std::pow(o.beta1, n), correction2 = 1 - std::pow(o.beta2, n);
  const at::Tensor u = (m.moment1 / correction1) / ((m.moment2 / correction2).sqrt() + o.epsilon);
  // In double: the norm must stay over all steps of a run.
  const at::Tensor size = at::linalg_vector_norm(m.weight, 2, std::nullopt, false, at::kDouble);
  const at::Tensor length =
      at::linalg_vector_norm(u, 2, std::nullopt, false, at::kDouble).clamp_min(kTiny);
  m.weight.sub_(u * (rate * size / length).to(at::kFloat));
  const at::Tensor moved =
      at::linalg_vector_norm(m.weight, 2, std::nullopt, false, at::kDouble).clamp_min(kTiny);
  m.weight.mul_((size / moved).to(at::kFloat));
}

void muon(const MatrixState& m, const OptimizerOptions& o, double rate) {
  m.moment1.mul_(o.beta1).add_(m.gradient, 1 - o.beta1);
  const at::Tensor direction = orthogonalised(m.gradient * (1 - o.beta1) + m.moment1 * o.beta1);
  const double tall = static_cast<double>(m.weight.size(0)) / static_cast<double>(m.weight.size(1));
  m.weight.mul_(1 - rate * o.weight_decay).sub_(direction, rate * std::sqrt(std::max(1.0, tall)));
}

}  // namespace

at::Tensor orthogonalised(const at::Tensor& matrix) {
  const bool tall = matrix.size(0) > matrix.size(1);
  // The smaller of the two products is made.
  at::Tensor x = tall ? matrix.t() : matrix;
  x = x / at::linalg_vector_norm(x).clamp_min(kTiny);
  for (int i = 0; i < kIterations; ++i) {
    const at::Tensor square = at::matmul(x, x.t());
    const at::Tensor odd = kB * square + kC * at::matmul(square, square);
    x = kA * x + at::matmul(odd, x);
  }
  return tall ? x.t() : x;
}

void matrix_step(Parameters& p, const Recipe& recipe, int64_t step, const at::Tensor& gradient_norm,
                 const KernelTarget& target) {
  if (p.slice_count() != p.count())
    throw std::invalid_argument("adamh and muon step whole matrices: train each run on one GPU");
  const OptimizerOptions& o = recipe.optimizer;
  const double rate = learning_rate(recipe.schedule, step);
  // The schedule's shape at AdamW's own peak.
  const double other_rate = rate * o.adam_learning_rate / recipe.schedule.peak_learning_rate;
  // As AdamW clips: by the norm of all gradients.
  at::Tensor clip = at::ones({1}, gradient_norm.options().dtype(at::kFloat));
  if (o.clip_norm > 0) clip = (o.clip_norm / gradient_norm.view({1})).clamp_max(1.0).to(at::kFloat);
  int64_t first = p.decayed_count();
  for (const ParameterSlot& slot : p.slots()) {
    if (slot.is_norm || !slot.name.starts_with("layers.")) continue;
    first = std::min(first, slot.offset);
    int64_t row = 0;
    for (int64_t rows : packed_rows(slot, recipe.model)) {
      const auto part = [&](const at::Tensor& flat) {
        return p.view(flat, slot.name).narrow(0, row, rows);
      };
      const MatrixState m{part(p.master), part(p.gradients) * clip, part(p.moment1),
                          part(p.moment2)};
      o.kind == OptimizerKind::kAdamH ? adamh(m, o, step, rate) : muon(m, o, rate);
      if (p.weights.scalar_type() != at::kFloat) part(p.weights).copy_(m.weight);
      row += rows;
    }
  }
  // What lies before the layers' matrices, embedding and head, and behind them, the norms: not
  // decayed, for weight_decay is of Muon's matrices alone.
  const auto others = [&](int64_t from, int64_t count) {
    adamw(target, {count, step + 1, other_rate, o.beta1, o.beta2, o.epsilon, 0.0, o.clip_norm,
                   gradient_norm.data_ptr<float>(), p.gradients.data_ptr<float>() + from,
                   p.master.data_ptr<float>() + from, p.moment1.data_ptr<float>() + from,
                   p.moment2.data_ptr<float>() + from,
                   static_cast<char*>(p.weights.mutable_data_ptr()) +
                       from * static_cast<int64_t>(p.weights.element_size())});
  };
  others(0, first);
  others(p.decayed_count(), p.count() - p.decayed_count());
}

}  // namespace crosslaw::trainer
