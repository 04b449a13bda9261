#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trainer/corpus/token_shard.h"
#include "trainer/recipe/batch_order.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// The token shards of a run, cut into batches. Throws UnusableShard for a shard that is not the one
// of the recipe, by its hash, or that is made for a larger vocabulary than the model's.
class TrainingText {
 public:
  explicit TrainingText(const TrainConfig& config);

  // (count, context + 1) int64 tokens on the CPU: sequences [first, first + count) of those of one
  // optimizer step.
  at::Tensor batch(int64_t step, int64_t first, int64_t count) const;
  // All of them.
  at::Tensor batch(int64_t step) const { return batch(step, 0, batch_sequences_); }

  // Tokens of the mixture's first language, and of the others, in the first `steps` steps.
  int64_t target_tokens(int64_t steps) const;
  int64_t source_tokens(int64_t steps) const;

 private:
  std::vector<TokenShard> shards_;
  int64_t context_;
  int64_t batch_sequences_;
  BatchOrder order_;
};

// The fixed validation text of one language, in order. Throws as TrainingText does.
class ValidationText {
 public:
  ValidationText(const ValidationSet& set, const std::string& file, int64_t context_tokens,
                 int64_t vocabulary);

  const std::string& language() const { return language_; }
  int64_t windows() const { return windows_; }
  int64_t text_bytes() const { return shard_.info().text_bytes; }
  // (windows, context + 1) int64 tokens of these windows, on the CPU.
  at::Tensor windows_of(std::span<const int64_t> windows) const;
  // Those that predict a token of the ranges, ascending.
  std::vector<int64_t> windows_touching(
      const std::vector<std::pair<int64_t, int64_t>>& token_ranges) const;

 private:
  std::string language_;
  TokenShard shard_;
  int64_t context_;
  int64_t windows_;
};

}  // namespace crosslaw::trainer
