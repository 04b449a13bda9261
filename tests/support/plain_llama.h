#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>

#include "trainer/recipe/train_config.h"

namespace crosslaw::tests {

// The model written plainly with autograd, as the outside truth for the trainer's own kernels.
// weights: by our names, leaves that require gradients; tokens: (sequences, context + 1).
// Returns the mean loss in nats.
at::Tensor plain_llama_loss(const trainer::ModelShape& shape,
                            const std::map<std::string, at::Tensor>& weights,
                            const at::Tensor& tokens);

}  // namespace crosslaw::tests
