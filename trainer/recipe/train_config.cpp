#include "trainer/recipe/train_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "db/files/atomic_file.h"
#include "db/files/checked_json.h"
#include "db/files/content_hash.h"
#include "db/files/read_file.h"

namespace crosslaw::trainer {

// One list of fields serves writing and reading. The names are part of every run's key: they may
// not change, and a new field needs a new kConfigVersion.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OptimizerOptions, beta1, beta2, epsilon, weight_decay, clip_norm)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MixturePart, language, share, sha256)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ValidationSet, language, sha256)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Execution, token, device, gpu_uuid, threads, train_shards,
                                   valid_shards, start_checkpoints, parent_checkpoint, choice_files,
                                   evaluation_steps, others_at_ends_only, others_course_tokens,
                                   publish_steps, checkpoint_every_seconds, checkpoint_time_share,
                                   micro_batch_sequences, ranks, gradient_parts, deterministic,
                                   rank_timeout_seconds, seen_tokens)

namespace {

using nlohmann::json;

constexpr int kConfigVersion = 1;  // of the recipe
// Of config.json. 1: without a hash of itself.
constexpr int kFileVersion = 2;

// Grouped heads only where they are no LLaMA-2's own, so that older models keep their keys.
json model_to_json(const ModelShape& s) {
  json j = {{"vocabulary", s.vocabulary},
            {"hidden", s.hidden},
            {"ffn", s.ffn},
            {"heads", s.heads},
            {"layers", s.layers},
            {"tied_head", s.tied_head},
            {"norm_epsilon", s.norm_epsilon},
            {"rope_theta", s.rope_theta}};
  if (s.key_heads() != s.heads) j["kv_heads"] = s.key_heads();
  if (s.query_width() != s.hidden) j["head_dim"] = s.head_size();
  return j;
}

ModelShape model_from_json(const json& j) {
  ModelShape s;
  j.at("vocabulary").get_to(s.vocabulary);
  j.at("hidden").get_to(s.hidden);
  j.at("ffn").get_to(s.ffn);
  j.at("heads").get_to(s.heads);
  j.at("layers").get_to(s.layers);
  j.at("tied_head").get_to(s.tied_head);
  j.at("norm_epsilon").get_to(s.norm_epsilon);
  j.at("rope_theta").get_to(s.rope_theta);
  s.kv_heads = j.value("kv_heads", int64_t{0});
  s.head_dim = j.value("head_dim", int64_t{0});
  return s;
}

// The kind only where it is not the first there was, so that older runs keep their keys.
json optimizer_to_json(const OptimizerOptions& options) {
  json j = options;
  if (options.kind == OptimizerKind::kAdamW) return j;
  j["kind"] = options.kind == OptimizerKind::kAdamH ? "adamh" : "muon";
  j["adam_learning_rate"] = options.adam_learning_rate;
  return j;
}

OptimizerOptions optimizer_from_json(const json& j) {
  OptimizerOptions options = j.get<OptimizerOptions>();
  const std::string kind = j.value("kind", "adamw");
  if (kind != "adamw" && kind != "adamh" && kind != "muon")
    throw std::runtime_error("optimizer.kind: " + kind + " is none of adamw, adamh and muon");
  if (kind == "adamw") return options;
  options.kind = kind == "adamh" ? OptimizerKind::kAdamH : OptimizerKind::kMuon;
  j.at("adam_learning_rate").get_to(options.adam_learning_rate);
  return options;
}

// Only what the kind uses, so that a field of the other kind cannot change a key.
json schedule_to_json(const Schedule& schedule) {
  const bool wsd = schedule.kind == ScheduleKind::kWsd;
  json j = {{"kind", wsd ? "wsd" : "cosine"},
            {"steps", schedule.steps},
            {"warmup_steps", schedule.warmup_steps},
            {"peak_learning_rate", schedule.peak_learning_rate}};
  if (wsd) j["cooldown_steps"] = schedule.cooldown_steps;
  // Only where it is not the first there was, so that older runs keep their keys.
  if (wsd && schedule.cooldown == Cooldown::kLinear) j["cooldown"] = "linear";
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
  const std::string cooldown = j.value("cooldown", "");
  if (!cooldown.empty() && cooldown != "linear")
    throw std::runtime_error("schedule.cooldown: " + cooldown + " is not linear");
  if (cooldown == "linear") schedule.cooldown = Cooldown::kLinear;
  if (kind == "cosine") j.at("final_ratio").get_to(schedule.final_ratio);
  return schedule;
}

}  // namespace

json to_json(const Recipe& recipe) {
  json j = {{"version", kConfigVersion},
            {"model", model_to_json(recipe.model)},
            {"tokenizer_sha256", recipe.tokenizer_sha256},
            {"context_tokens", recipe.context_tokens},
            {"batch_sequences", recipe.batch_sequences},
            {"schedule", schedule_to_json(recipe.schedule)},
            {"optimizer", optimizer_to_json(recipe.optimizer)},
            {"precision", recipe.precision},
            {"mixture", recipe.mixture},
            {"validation", recipe.validation},
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
  recipe.model = model_from_json(j.at("model"));
  j.at("tokenizer_sha256").get_to(recipe.tokenizer_sha256);
  j.at("context_tokens").get_to(recipe.context_tokens);
  j.at("batch_sequences").get_to(recipe.batch_sequences);
  recipe.schedule = schedule_from_json(j.at("schedule"));
  recipe.optimizer = optimizer_from_json(j.at("optimizer"));
  j.at("precision").get_to(recipe.precision);
  j.at("mixture").get_to(recipe.mixture);
  j.at("validation").get_to(recipe.validation);
  j.at("seed").get_to(recipe.seed);
  // A continued run starts from its parent's weights: no initialisation belongs to its identity.
  const json& init = j.at("init");
  if (init.contains("parent")) {
    init.at("parent").get_to(recipe.parent_key);
    init.at("step").get_to(recipe.parent_step);
  } else {
    init.at("std").get_to(recipe.init_std);
  }
  return recipe;
}

std::string recipe_text(const Recipe& recipe) { return to_json(recipe).dump(); }

std::string key_of(const std::string& text) { return db::sha256(text); }

std::string run_key(const Recipe& recipe) { return key_of(recipe_text(recipe)); }

std::string trajectory_key(const Recipe& recipe) {
  json j = to_json(recipe);
  j.erase("validation");  // says what is measured, not what is trained
  // Until its cooldown a wsd run does not know how long it will be.
  if (recipe.schedule.kind == ScheduleKind::kWsd) {
    j["schedule"].erase("steps");
    j["schedule"].erase("cooldown_steps");
    j["schedule"].erase("cooldown");
  }
  return db::sha256(j.dump());
}

void write_config(const TrainConfig& config, const std::filesystem::path& file) {
  db::publish_file(file, db::checked_text({{"version", kFileVersion},
                                           {"key", run_key(config.recipe)},
                                           {"recipe", to_json(config.recipe)},
                                           {"execution", config.execution}}));
}

TrainConfig read_config(const std::filesystem::path& file) {
  const auto text = db::read_file(file);
  if (!text) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  try {
    const json j = json::parse(*text);
    const int version = j.at("version");
    if (version > kFileVersion) {
      throw std::runtime_error(fmt::format(
          "version {} is newer than this crosslaw-train knows ({})", version, kFileVersion));
    }
    // What people write themselves is of version 1.
    if (version != 1 && !db::is_checked(*text, j))
      throw std::runtime_error("is damaged (its hash differs)");
    json execution = j.at("execution");
    if (!execution.contains("seen_tokens")) execution["seen_tokens"] = json::object();
    return {recipe_from_json(j.at("recipe")), execution.get<Execution>()};
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace crosslaw::trainer
