#include "trainer/text_stream.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "db/files/content_hash.h"

namespace crosslaw::trainer {
namespace {

// The shard that the recipe names. Of a smaller vocabulary is fine; a larger one would index past
// the embedding.
TokenShard open_shard(const std::string& file, const std::string& sha256, int64_t vocabulary) {
  TokenShard shard(file);
  if (shard.info().vocabulary > vocabulary) {
    throw UnusableShard(fmt::format("{}: made for {} tokens, the model knows {}", file,
                                    shard.info().vocabulary, vocabulary));
  }
  // Its losses would stand under the recipe's key. Without a hash (tests) nothing was promised.
  if (!sha256.empty() && db::sha256_of_file(file) != sha256) {
    throw UnusableShard(fmt::format(
        "{}: is not the text of the recipe: its SHA-256 differs, so that it was changed or damaged "
        "after the run was planned; `crosslaw run` makes it anew",
        file));
  }
  return shard;
}

std::vector<TokenShard> open_shards(const TrainConfig& config) {
  std::vector<TokenShard> shards;
  for (const MixturePart& part : config.recipe.mixture) {
    const std::string& file = config.execution.train_shards.at(part.language);
    shards.push_back(open_shard(file, part.sha256, config.recipe.model.vocabulary));
  }
  return shards;
}

std::vector<WindowedLanguage> windowed(const Recipe& recipe,
                                       const std::vector<TokenShard>& shards) {
  std::vector<WindowedLanguage> languages;
  for (size_t i = 0; i < shards.size(); ++i) {
    languages.push_back({recipe.mixture[i].language, recipe.mixture[i].share,
                         windows_in(shards[i].info().tokens, recipe.context_tokens)});
  }
  return languages;
}

}  // namespace

TrainingText::TrainingText(const TrainConfig& config)
    : shards_(open_shards(config)),
      context_(config.recipe.context_tokens),
      batch_sequences_(config.recipe.batch_sequences),
      order_(windowed(config.recipe, shards_), batch_sequences_, config.recipe.seed) {}

at::Tensor TrainingText::batch(int64_t step, int64_t first, int64_t count) const {
  at::Tensor tokens = at::empty({count, context_ + 1}, at::kLong);
  int64_t* row = tokens.data_ptr<int64_t>();
  for (const SequenceRef& sequence : order_.batch(step, first, count)) {
    shards_[sequence.part].copy(sequence.window * context_, context_ + 1, row);
    // One token more than the context: inputs are the first `context` of them, targets the last.
    // Neighbouring windows share that token, so that each token is a target once.
    row += context_ + 1;
  }
  return tokens;
}

int64_t TrainingText::target_tokens(int64_t steps) const {
  return order_.count(0, steps * batch_sequences_) * context_;
}

int64_t TrainingText::source_tokens(int64_t steps) const {
  // By subtraction, so that the two always add up to what was trained.
  return steps * batch_sequences_ * context_ - target_tokens(steps);
}

ValidationText::ValidationText(const ValidationSet& set, const std::string& file,
                               int64_t context_tokens, int64_t vocabulary)
    : language_(set.language),
      shard_(open_shard(file, set.sha256, vocabulary)),
      context_(context_tokens),
      windows_(windows_in(shard_.info().tokens, context_tokens)) {
  if (windows_ < 1)
    throw UnusableShard(
        fmt::format("{}: shorter than one context of {} tokens", file, context_tokens));
}

at::Tensor ValidationText::windows_of(std::span<const int64_t> windows) const {
  const auto count = static_cast<int64_t>(windows.size());
  at::Tensor tokens = at::empty({count, context_ + 1}, at::kLong);
  auto* row = tokens.data_ptr<int64_t>();
  for (const int64_t window : windows) {
    shard_.copy(window * context_, context_ + 1, row);
    row += context_ + 1;
  }
  return tokens;
}

std::vector<int64_t> ValidationText::windows_touching(
    const std::vector<std::pair<int64_t, int64_t>>& token_ranges) const {
  std::set<int64_t> found;
  for (const auto& [begin, end] : token_ranges) {
    // The first token of a window is read and not predicted: it is the last one before's target.
    const int64_t first = std::max<int64_t>(0, (begin - 1) / context_);
    const int64_t last = std::min(windows_ - 1, (end - 2) / context_);
    for (int64_t window = first; end >= 2 && window <= last; ++window) found.insert(window);
  }
  return {found.begin(), found.end()};
}

}  // namespace crosslaw::trainer
