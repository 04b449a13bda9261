#include "trainer/recipe/train_config.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "db/files/atomic_file.h"
#include "db/files/content_hash.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;

constexpr int kConfigVersion = 1;

class Checks {
 public:
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

std::vector<std::string> problems(const Schedule& schedule) {
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

std::vector<std::string> problems(const AdamWOptions& options) {
  Checks checks;
  for (auto [field, value] :
       {std::pair{"optimizer.beta1", options.beta1}, {"optimizer.beta2", options.beta2}}) {
    if (!(value >= 0 && value < 1)) checks.add(field, value, "in [0, 1)");
  }
  if (!(options.epsilon > 0)) checks.add("optimizer.epsilon", options.epsilon, "positive");
  checks.at_least("optimizer.weight_decay", options.weight_decay, 0.0);
  checks.at_least("optimizer.clip_norm", options.clip_norm, 0.0);
  return checks.take();
}

std::vector<std::string> mixture_problems(const std::vector<MixturePart>& mixture) {
  Checks checks;
  if (mixture.empty()) checks.add("mixture: must name at least one language");
  double sum = 0;
  for (const MixturePart& part : mixture) {
    if (!(part.share > 0)) checks.add("mixture.share", part.share, "positive");
    sum += part.share;
  }
  if (!mixture.empty() && std::abs(sum - 1) > 1e-9) checks.add("sum of mixture.share", sum, "1");
  return checks.take();
}

json to_json(const ModelShape& shape) {
  return {{"vocabulary", shape.vocabulary},
          {"hidden", shape.hidden},
          {"ffn", shape.ffn},
          {"heads", shape.heads},
          {"layers", shape.layers},
          {"tied_head", shape.tied_head},
          {"norm_epsilon", shape.norm_epsilon},
          {"rope_theta", shape.rope_theta}};
}

ModelShape shape_from_json(const json& j) {
  ModelShape shape;
  j.at("vocabulary").get_to(shape.vocabulary);
  j.at("hidden").get_to(shape.hidden);
  j.at("ffn").get_to(shape.ffn);
  j.at("heads").get_to(shape.heads);
  j.at("layers").get_to(shape.layers);
  j.at("tied_head").get_to(shape.tied_head);
  j.at("norm_epsilon").get_to(shape.norm_epsilon);
  j.at("rope_theta").get_to(shape.rope_theta);
  return shape;
}

json to_json(const Schedule& schedule) {
  bool wsd = schedule.kind == ScheduleKind::kWsd;
  json j = {{"kind", wsd ? "wsd" : "cosine"},
            {"steps", schedule.steps},
            {"warmup_steps", schedule.warmup_steps},
            {"peak_learning_rate", schedule.peak_learning_rate}};
  if (wsd) j["cooldown_steps"] = schedule.cooldown_steps;
  if (!wsd) j["final_ratio"] = schedule.final_ratio;
  return j;
}

Schedule schedule_from_json(const json& j) {
  Schedule schedule;
  std::string kind = j.at("kind");
  if (kind != "wsd" && kind != "cosine")
    throw std::runtime_error("schedule.kind: " + kind + " is neither cosine nor wsd");
  schedule.kind = kind == "wsd" ? ScheduleKind::kWsd : ScheduleKind::kCosine;
  j.at("steps").get_to(schedule.steps);
  j.at("warmup_steps").get_to(schedule.warmup_steps);
  j.at("peak_learning_rate").get_to(schedule.peak_learning_rate);
  if (kind == "wsd") j.at("cooldown_steps").get_to(schedule.cooldown_steps);
  if (kind == "cosine") j.at("final_ratio").get_to(schedule.final_ratio);
  return schedule;
}

json to_json(const AdamWOptions& options) {
  return {{"beta1", options.beta1},
          {"beta2", options.beta2},
          {"epsilon", options.epsilon},
          {"weight_decay", options.weight_decay},
          {"clip_norm", options.clip_norm}};
}

AdamWOptions adamw_from_json(const json& j) {
  AdamWOptions options;
  j.at("beta1").get_to(options.beta1);
  j.at("beta2").get_to(options.beta2);
  j.at("epsilon").get_to(options.epsilon);
  j.at("weight_decay").get_to(options.weight_decay);
  j.at("clip_norm").get_to(options.clip_norm);
  return options;
}

json to_json(const Execution& e) {
  return {{"token", e.token},
          {"device", e.device},
          {"gpu_uuid", e.gpu_uuid},
          {"threads", e.threads},
          {"train_shards", e.train_shards},
          {"valid_shards", e.valid_shards},
          {"start_checkpoints", e.start_checkpoints},
          {"parent_checkpoint", e.parent_checkpoint},
          {"evaluation_steps", e.evaluation_steps},
          {"others_at_end_only", e.others_at_end_only},
          {"publish_steps", e.publish_steps},
          {"checkpoint_every_seconds", e.checkpoint_every_seconds},
          {"micro_batch_sequences", e.micro_batch_sequences}};
}

Execution execution_from_json(const json& j) {
  Execution e;
  j.at("token").get_to(e.token);
  j.at("device").get_to(e.device);
  j.at("gpu_uuid").get_to(e.gpu_uuid);
  j.at("threads").get_to(e.threads);
  j.at("train_shards").get_to(e.train_shards);
  j.at("valid_shards").get_to(e.valid_shards);
  j.at("start_checkpoints").get_to(e.start_checkpoints);
  j.at("parent_checkpoint").get_to(e.parent_checkpoint);
  j.at("evaluation_steps").get_to(e.evaluation_steps);
  j.at("others_at_end_only").get_to(e.others_at_end_only);
  j.at("publish_steps").get_to(e.publish_steps);
  j.at("checkpoint_every_seconds").get_to(e.checkpoint_every_seconds);
  j.at("micro_batch_sequences").get_to(e.micro_batch_sequences);
  return e;
}

}  // namespace

std::vector<std::string> problems(const ModelShape& shape) {
  Checks checks;
  checks.at_least<int64_t>("model.vocabulary", shape.vocabulary, 2);
  checks.at_least<int64_t>("model.hidden", shape.hidden, 1);
  checks.at_least<int64_t>("model.ffn", shape.ffn, 1);
  checks.at_least<int64_t>("model.heads", shape.heads, 1);
  checks.at_least<int64_t>("model.layers", shape.layers, 1);
  if (shape.heads >= 1 && shape.hidden >= 1) {
    if (shape.hidden % shape.heads != 0) {
      checks.add(
          "model.heads", shape.heads,
          fmt::format("a divisor of hidden = {} (head size {:.2f} is not whole)", shape.hidden,
                      static_cast<double>(shape.hidden) / static_cast<double>(shape.heads)));
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

std::vector<std::string> problems(const Recipe& recipe) {
  Checks checks;
  checks.append(problems(recipe.model));
  checks.append(problems(recipe.schedule));
  checks.append(problems(recipe.optimizer));
  checks.append(mixture_problems(recipe.mixture));
  checks.at_least<int64_t>("context_tokens", recipe.context_tokens, 2);
  checks.at_least<int64_t>("batch_sequences", recipe.batch_sequences, 1);
  checks.at_least("init_std", recipe.init_std, 0.0);
  if (recipe.precision != "auto" && recipe.precision != "fp32" && recipe.precision != "bf16") {
    checks.add("precision", recipe.precision, "auto, fp32 or bf16");
  }
  if (recipe.validation.empty()) checks.add("validation: must name at least one language");
  return checks.take();
}

std::vector<std::string> problems(const TrainConfig& config) {
  Checks checks;
  checks.append(problems(config.recipe));
  const Execution& execution = config.execution;
  if (execution.device != "cpu" && execution.device != "cuda") {
    checks.add("device", execution.device, "cpu or cuda");
  }
  if (execution.device == "cpu" && config.recipe.precision == "bf16") {
    checks.add("precision", config.recipe.precision, "fp32 or auto on the CPU");
  }
  checks.at_least<int64_t>("threads", execution.threads, 1);
  checks.at_least<int64_t>("micro_batch_sequences", execution.micro_batch_sequences, 0);
  if (!(execution.checkpoint_every_seconds > 0)) {
    checks.add("checkpoint_every_seconds", execution.checkpoint_every_seconds, "positive");
  }
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

json to_json(const Recipe& recipe) {
  json mixture = json::array(), validation = json::array();
  for (const MixturePart& part : recipe.mixture) {
    mixture.push_back(
        {{"language", part.language}, {"share", part.share}, {"sha256", part.sha256}});
  }
  for (const ValidationSet& set : recipe.validation) {
    validation.push_back({{"language", set.language}, {"sha256", set.sha256}});
  }
  json j = {{"version", kConfigVersion},
            {"model", to_json(recipe.model)},
            {"tokenizer_sha256", recipe.tokenizer_sha256},
            {"context_tokens", recipe.context_tokens},
            {"batch_sequences", recipe.batch_sequences},
            {"schedule", to_json(recipe.schedule)},
            {"optimizer", to_json(recipe.optimizer)},
            {"precision", recipe.precision},
            {"mixture", mixture},
            {"validation", validation},
            {"seed", recipe.seed}};
  if (recipe.parent_key.empty()) {
    j["init"] = {{"std", recipe.init_std}};
  } else {
    j["init"] = {{"parent", recipe.parent_key}, {"step", recipe.parent_step}};
  }
  return j;
}

Recipe recipe_from_json(const json& j) {
  Recipe recipe;
  int version = j.at("version");
  if (version > kConfigVersion) {
    throw std::runtime_error(fmt::format("recipe version {} is newer than this crosslaw knows ({})",
                                         version, kConfigVersion));
  }
  recipe.model = shape_from_json(j.at("model"));
  j.at("tokenizer_sha256").get_to(recipe.tokenizer_sha256);
  j.at("context_tokens").get_to(recipe.context_tokens);
  j.at("batch_sequences").get_to(recipe.batch_sequences);
  recipe.schedule = schedule_from_json(j.at("schedule"));
  recipe.optimizer = adamw_from_json(j.at("optimizer"));
  j.at("precision").get_to(recipe.precision);
  for (const json& part : j.at("mixture")) {
    recipe.mixture.push_back({part.at("language"), part.at("share"), part.at("sha256")});
  }
  for (const json& set : j.at("validation")) {
    recipe.validation.push_back({set.at("language"), set.at("sha256")});
  }
  j.at("seed").get_to(recipe.seed);
  const json& init = j.at("init");
  if (init.contains("parent")) {
    init.at("parent").get_to(recipe.parent_key);
    init.at("step").get_to(recipe.parent_step);
  } else {
    init.at("std").get_to(recipe.init_std);
  }
  return recipe;
}

std::string run_key(const Recipe& recipe) { return sha256(to_json(recipe).dump()); }

std::string trajectory_key(const Recipe& recipe) {
  json j = to_json(recipe);
  j.erase("validation");
  if (recipe.schedule.kind == ScheduleKind::kWsd) {
    j["schedule"].erase("steps");
    j["schedule"].erase("cooldown_steps");
  }
  return sha256(j.dump());
}

void write_config(const TrainConfig& config, const std::filesystem::path& file) {
  json j = {{"version", kConfigVersion},
            {"key", run_key(config.recipe)},
            {"recipe", to_json(config.recipe)},
            {"execution", to_json(config.execution)}};
  publish_file(file, j.dump(1) + "\n");
}

TrainConfig read_config(const std::filesystem::path& file) {
  std::ifstream input(file);
  if (!input) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  try {
    json j = json::parse(input);
    if (int version = j.at("version"); version > kConfigVersion) {
      throw std::runtime_error(fmt::format(
          "version {} is newer than this crosslaw-train knows ({})", version, kConfigVersion));
    }
    return {recipe_from_json(j.at("recipe")), execution_from_json(j.at("execution"))};
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace crosslaw::trainer
