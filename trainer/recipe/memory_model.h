#pragma once

#include <cstdint>
#include <optional>

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// Partial sums of a norm's weight gradient; the kernels' own numbers (kernels.h), which the planner
// cannot include.
constexpr int64_t norm_scratch_rows(bool gpu) { return gpu ? 2112 : 512; }

// What one rank of a run is asked to hold.
struct TrainingSetup {
  ModelShape shape;
  int64_t context_tokens = 0;
  int64_t micro_batch_sequences = 1;  // of one rank
  int64_t ranks = 1;                  // processes that share a batch, one a GPU
  bool gpu = false;
  bool bf16 = false;  // weights and activations, beside an fp32 master copy; else all is fp32
};

// Bytes that one rank holds while it trains, by kind.
struct MemoryUse {
  double weights = 0;           // what the products read: bf16, or fp32 that is the master copy too
  double gradients = 0;         // fp32, of all weights
  double master = 0;            // fp32, one rank's slice (ZeRO-1, arXiv:1910.02054); 0 without bf16
  double moments = 0;           // both of AdamW, one rank's slice
  double layers = 0;            // activations that each layer keeps for the backward pass
  double passing = 0;           // activations that all layers share, tokens, rotary tables
  double attention = 0;         // GPU: what its attention saves and returns beside our buffers
  double logits = 0;            // one block of the head, and a loss a token
  double weight_gradients = 0;  // GPU: sorted tokens; products are added where gradients lie
  double libraries = 0;         // GPU: workspaces of cuBLAS, cuDNN and NCCL

  double states() const { return weights + gradients + master + moments; }
  double activations() const {
    return layers + passing + attention + logits + weight_gradients + libraries;
  }
  double total() const { return states() + activations(); }
};

MemoryUse memory_use(const TrainingSetup& setup);

// Largest divisor of `rank_batch_sequences` whose total fits `budget_bytes`; nothing when not even
// one sequence does. The setup's own micro-batch is not looked at.
std::optional<int64_t> largest_micro_batch(TrainingSetup setup, int64_t rank_batch_sequences,
                                           double budget_bytes);

// The same where weights and optimizer's state have been made already and `free_bytes` are left
// beside them; 1 when not even one sequence fits.
int64_t largest_micro_batch_beside_states(const TrainingSetup& setup, int64_t rank_batch_sequences,
                                          double free_bytes);

// Of a card's nominal bytes those that a run may plan with: without CUDA's context and the gaps
// that a caching allocator leaves.
double plannable_gpu_bytes(double card_bytes);

// Rows of logits that are made at once: the head is computed in blocks that stay in the cache (CPU)
// or in bounds (GPU), for whole they would be the largest buffer of a small model.
int64_t head_rows(const ModelShape& shape, int64_t rows, bool gpu);

}  // namespace crosslaw::trainer
