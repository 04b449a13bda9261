// What may be wrong with a configuration, said before any training starts.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {
namespace {

constexpr int64_t kLargestWidth = int64_t{1} << 20;
constexpr double kShareTolerance = 1e-9;  // shares come from decimal numbers, 0.1 + 0.9 is not 1

class Checks {
 public:
  // Written as !(...), so that NaN breaks every bound.
  template <typename T>
  void at_least(const char* field, T value, T bound) {
    if (!(value >= bound)) add(field, value, fmt::format("at least {}", bound));
  }
  template <typename T>
  void at_most(const char* field, T value, T bound) {
    if (!(value <= bound)) add(field, value, fmt::format("at most {}", bound));
  }
  template <typename T>
  void add(const char* field, T value, const std::string& expected) {
    messages_.push_back(fmt::format("{} = {}: must be {}", field, value, expected));
  }
  void add(std::string message) { messages_.push_back(std::move(message)); }
  void append(const std::vector<std::string>& more) {
    messages_.insert(messages_.end(), more.begin(), more.end());
  }
  std::vector<std::string> take() { return std::move(messages_); }

 private:
  std::vector<std::string> messages_;
};

std::vector<std::string> complaints(const Schedule& schedule) {
  Checks checks;
  checks.at_least<int64_t>("schedule.steps", schedule.steps, 1);
  checks.at_least<int64_t>("schedule.warmup_steps", schedule.warmup_steps, 0);
  checks.at_least<int64_t>("schedule.cooldown_steps", schedule.cooldown_steps, 0);
  if (schedule.warmup_steps + schedule.cooldown_steps > schedule.steps) {
    checks.add("schedule.steps", schedule.steps,
               fmt::format("at least warmup_steps + cooldown_steps = {}",
                           schedule.warmup_steps + schedule.cooldown_steps));
  }
  if (!(schedule.peak_learning_rate > 0) || !std::isfinite(schedule.peak_learning_rate)) {
    checks.add("schedule.peak_learning_rate", schedule.peak_learning_rate, "a positive number");
  }
  checks.at_least("schedule.final_ratio", schedule.final_ratio, 0.0);
  checks.at_most("schedule.final_ratio", schedule.final_ratio, 1.0);
  return checks.take();
}

std::vector<std::string> complaints(const OptimizerOptions& options) {
  Checks checks;
  for (auto [field, value] :
       {std::pair{"optimizer.beta1", options.beta1}, {"optimizer.beta2", options.beta2}}) {
    if (!(value >= 0 && value < 1)) checks.add(field, value, "in [0, 1)");
  }
  if (!(options.epsilon > 0)) checks.add("optimizer.epsilon", options.epsilon, "positive");
  checks.at_least("optimizer.weight_decay", options.weight_decay, 0.0);
  checks.at_least("optimizer.clip_norm", options.clip_norm, 0.0);
  if (options.kind != OptimizerKind::kAdamW && !(options.adam_learning_rate > 0))
    checks.add("optimizer.adam_learning_rate", options.adam_learning_rate, "positive");
  return checks.take();
}

std::vector<std::string> complaints(const std::vector<MixturePart>& mixture) {
  Checks checks;
  if (mixture.empty()) checks.add("mixture: must name at least one language");
  double sum = 0;
  for (const MixturePart& part : mixture) {
    if (!(part.share > 0)) checks.add("mixture.share", part.share, "positive");
    sum += part.share;
  }
  if (!mixture.empty() && std::abs(sum - 1) > kShareTolerance)
    checks.add("sum of mixture.share", sum, "1");
  return checks.take();
}

}  // namespace

std::vector<std::string> complaints(const ModelShape& shape) {
  Checks checks;
  checks.at_least<int64_t>("model.vocabulary", shape.vocabulary, 2);
  checks.at_least<int64_t>("model.hidden", shape.hidden, 1);
  checks.at_least<int64_t>("model.ffn", shape.ffn, 1);
  checks.at_least<int64_t>("model.heads", shape.heads, 1);
  checks.at_least<int64_t>("model.layers", shape.layers, 1);
  checks.at_least<int64_t>("model.kv_heads", shape.kv_heads, 0);
  checks.at_least<int64_t>("model.head_dim", shape.head_dim, 0);
  // So that no product of them leaves 64 bits; a thousand times what anybody trains.
  checks.at_most<int64_t>("model.vocabulary", shape.vocabulary, INT32_MAX);
  for (auto [field, value] : {std::pair{"model.hidden", shape.hidden},
                              {"model.ffn", shape.ffn},
                              {"model.heads", shape.heads},
                              {"model.kv_heads", shape.kv_heads},
                              {"model.head_dim", shape.head_dim},
                              {"model.layers", shape.layers}})
    checks.at_most<int64_t>(field, value, kLargestWidth);
  if (shape.heads >= 1 && shape.heads <= kLargestWidth && shape.head_dim <= kLargestWidth)
    checks.at_most<int64_t>("model.heads x head_dim", shape.query_width(), kLargestWidth);
  if (shape.heads >= 1 && shape.kv_heads >= 1 && shape.heads % shape.kv_heads != 0) {
    checks.add(
        "model.kv_heads", shape.kv_heads,
        fmt::format("a divisor of heads = {}: queries share keys in equal groups", shape.heads));
  }
  if (shape.heads >= 1 && shape.hidden >= 1) {
    if (shape.head_dim <= 0 && shape.hidden % shape.heads != 0) {
      checks.add(
          "model.heads", shape.heads,
          fmt::format("a divisor of hidden = {} (head size {:.2f} is not whole)", shape.hidden,
                      static_cast<double>(shape.hidden) / static_cast<double>(shape.heads)));
      // Rotary embedding turns pairs of numbers.
    } else if (shape.head_size() % 2 != 0) {
      checks.add("model.heads", shape.heads,
                 fmt::format("such that the head size is even (rotary pairs); it is {}",
                             shape.head_size()));
    }
  }
  if (!(shape.norm_epsilon > 0)) checks.add("model.norm_epsilon", shape.norm_epsilon, "positive");
  if (!(shape.rope_theta > 0)) checks.add("model.rope_theta", shape.rope_theta, "positive");
  return checks.take();
}

std::vector<std::string> complaints(const Recipe& recipe) {
  Checks checks;
  checks.append(complaints(recipe.model));
  checks.append(complaints(recipe.schedule));
  checks.append(complaints(recipe.optimizer));
  checks.append(complaints(recipe.mixture));
  checks.at_least<int64_t>("context_tokens", recipe.context_tokens, 2);
  checks.at_least<int64_t>("batch_sequences", recipe.batch_sequences, 1);
  checks.at_least("init_std", recipe.init_std, 0.0);
  if (recipe.precision != "auto" && recipe.precision != "fp32" && recipe.precision != "bf16") {
    checks.add("precision", recipe.precision, "auto, fp32 or bf16");
  }
  if (recipe.validation.empty()) checks.add("validation: must name at least one language");
  return checks.take();
}

namespace {

// Of the processes that share a run.
std::vector<std::string> rank_complaints(const TrainConfig& config) {
  const Execution& execution = config.execution;
  const int64_t ranks = execution.ranks, parts = execution.gradient_parts;
  Checks checks;
  checks.at_least<int64_t>("ranks", ranks, 1);
  checks.at_least<int64_t>("gradient_parts", parts, 0);
  if (ranks >= 1 && parts > 0 && parts % ranks != 0)
    checks.add("gradient_parts", parts, fmt::format("a multiple of ranks = {}, or 0", ranks));
  const int64_t cuts = std::max(ranks, parts);
  if (cuts > 1 && cuts > config.recipe.batch_sequences) {
    checks.add(parts > ranks ? "gradient_parts" : "ranks", cuts,
               fmt::format("at most batch_sequences = {}: each takes at least one sequence",
                           config.recipe.batch_sequences));
  }
  // Their steps need whole matrices, of which a rank owns parts.
  if (ranks > 1 && config.recipe.optimizer.kind != OptimizerKind::kAdamW)
    checks.add("ranks", ranks, "1 with an optimizer that steps whole matrices");
  if (!(execution.rank_timeout_seconds > 0))
    checks.add("rank_timeout_seconds", execution.rank_timeout_seconds, "positive");
  return checks.take();
}

}  // namespace

std::vector<std::string> complaints(const TrainConfig& config) {
  Checks checks;
  checks.append(complaints(config.recipe));
  const Execution& execution = config.execution;
  if (execution.device != "cpu" && execution.device != "cuda") {
    checks.add("device", execution.device, "cpu or cuda");
  }
  // The CPU kernels know fp32 alone; "auto" means that there.
  if (execution.device == "cpu" && config.recipe.precision == "bf16") {
    checks.add("precision", config.recipe.precision, "fp32 or auto on the CPU");
  }
  checks.at_least<int64_t>("threads", execution.threads, 1);
  checks.at_least<int64_t>("micro_batch_sequences", execution.micro_batch_sequences, 0);
  checks.at_least<int64_t>("others_course_tokens", execution.others_course_tokens, 0);
  if (!(execution.checkpoint_every_seconds > 0)) {
    checks.add("checkpoint_every_seconds", execution.checkpoint_every_seconds, "positive");
  }
  if (!(execution.checkpoint_time_share > 0 && execution.checkpoint_time_share <= 1)) {
    checks.add("checkpoint_time_share", execution.checkpoint_time_share, "in (0, 1]");
  }
  checks.append(rank_complaints(config));
  for (const MixturePart& part : config.recipe.mixture) {
    if (!execution.train_shards.contains(part.language)) {
      checks.add("train_shards: no shard for " + part.language);
    }
  }
  for (const ValidationSet& set : config.recipe.validation) {
    if (!execution.valid_shards.contains(set.language)) {
      checks.add("valid_shards: no shard for " + set.language);
    }
  }
  if (!config.recipe.parent_key.empty() && execution.parent_checkpoint.empty() &&
      execution.start_checkpoints.empty()) {
    checks.add("parent_checkpoint: the recipe continues a run, so its checkpoint must be named");
  }
  return checks.take();
}

}  // namespace crosslaw::trainer
