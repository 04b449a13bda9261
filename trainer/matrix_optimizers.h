#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "trainer/model/kernels/kernels.h"
#include "trainer/model/parameters.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// One step of AdamH or Muon, after `step` steps. The gradients are in the parameters, their norm is
// (1) fp32. Matrices that lie packed in one weight (queries, keys and values; gate and up) are
// stepped one by one. Embedding, head and norms take AdamW's step without decay.
//   AdamH  u = Adam's step; w' = w - eta |w| u / |u|; w'' = w' |w| / |w'|: the norm of a matrix
//   stays
//          what it was at the beginning, and the rate is an angle (as Levanter defines it)
//   Muon   w' = (1 - eta decay) w - eta sqrt(max(1, rows / columns)) o(g + mu m), o the nearest
//          orthogonal matrix by five Newton-Schulz iterations, m the momentum with mu = beta1
//          (Jordan et al. 2024)
// Needs whole matrices: throws std::invalid_argument for parameters that hold a slice.
void matrix_step(Parameters& parameters, const Recipe& recipe, int64_t step,
                 const at::Tensor& gradient_norm, const KernelTarget& target);

// The nearest matrix with orthonormal rows or columns, roughly: singular values end in 0.68
// to 1.14.
at::Tensor orthogonalised(const at::Tensor& matrix);

}  // namespace crosslaw::trainer
