#pragma once

#include <cstdint>

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// Parameters by group, so that "N" can be chosen when fitting.
struct ParameterCount {
  int64_t embedding = 0;
  int64_t unembedding = 0;  // 0 when the head is tied to the embedding
  int64_t blocks = 0;       // attention and feed-forward matrices
  int64_t norms = 0;

  int64_t total() const { return embedding + unembedding + blocks + norms; }
};

ParameterCount count_parameters(const ModelShape& shape);

// Training FLOPs for one token, forward and backward: 6 for each weight of a matrix product (the
// head included, the embedding look-up not) and 12 L d T for attention, counted without the causal
// mask (PaLM, arXiv:2204.02311, appendix B).
double training_flops_per_token(const ModelShape& shape, int64_t context_tokens);

// Bytes of a published checkpoint: fp32 weights, with both AdamW moments when it can be resumed.
double checkpoint_bytes(const ModelShape& shape, bool resumable);

}  // namespace crosslaw::trainer
