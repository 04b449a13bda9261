// The resolved spec as a file: what a sweep folder keeps, and what a second run compares with.
#include <cmath>
#include <sstream>
#include <string>

#include <toml++/toml.h>

#include "sweep/spec/launch_section.h"
#include "sweep/spec/spec.h"

namespace crosslaw::sweep {
namespace {

toml::array to_array(const auto& values) {
  toml::array array;
  for (const auto& value : values) array.push_back(value);
  return array;
}

toml::table training_table(const TrainingSpec& t) {
  toml::table table{{"schedule", t.schedule == trainer::ScheduleKind::kWsd ? "wsd" : "cosine"},
                    {"warmup_fraction", t.warmup_fraction},
                    {"warmup_steps_min", t.warmup_steps_min},
                    {"warmup_steps_max", t.warmup_steps_max},
                    {"cooldown_fraction", t.cooldown_fraction},
                    {"final_learning_rate", t.final_learning_rate},
                    {"beta1", t.optimizer.beta1},
                    {"beta2", t.optimizer.beta2},
                    {"epsilon", t.optimizer.epsilon},
                    {"weight_decay", t.optimizer.weight_decay},
                    {"clip_norm", t.optimizer.clip_norm},
                    {"precision", t.precision},
                    {"evaluations", t.evaluations},
                    {"source_loss_at_end_only", t.source_loss_at_end_only},
                    {"checkpoint_every_seconds", t.checkpoint_every_seconds},
                    {"checkpoint_time_share", t.checkpoint_time_share}};
  if (t.peak_learning_rate > 0) table.insert("peak_learning_rate", t.peak_learning_rate);
  if (t.learning_rate_times_hidden > 0)
    table.insert("learning_rate_times_hidden", t.learning_rate_times_hidden);
  if (t.init_std > 0) {
    table.insert("init", t.init_std);
  } else {
    table.insert("init", "fan_in");
  }
  toml::array tiers;
  for (const BatchTier& tier : t.batch_tokens) {
    toml::table row{{"tokens", tier.tokens}};
    if (std::isfinite(tier.below_params)) row.insert("below_params", tier.below_params);
    tiers.push_back(row);
  }
  table.insert("batch_tokens", tiers);
  return table;
}

}  // namespace

std::string to_toml(const SweepSpec& spec) {
  toml::table languages;
  for (const LanguageSpec& language : spec.languages) {
    languages.insert(language.name, toml::table{{"train", to_array(language.train)},
                                                {"valid", to_array(language.valid)}});
  }
  toml::array strategies;
  for (const StrategySpec& s : spec.strategies) {
    toml::table row{{"name", s.name},
                    {"language", s.language},
                    {"every", s.every},
                    {"replay", to_array(s.replay)}};
    if (!s.from.empty()) row.insert("from", s.from);
    if (!s.hugging_face.empty()) {
      row.insert("from", "hf:" + s.hugging_face);
      row.insert("source_language", s.source_language);
      row.insert("vocabulary", s.resize_vocabulary ? "resize" : "keep");
    }
    if (!s.tokens_per_param.empty()) row.insert("tokens_per_param", to_array(s.tokens_per_param));
    strategies.push_back(row);
  }
  toml::table table{
      {"name", spec.name},
      {"seeds", to_array(spec.seeds)},
      {"ladder", toml::table{{"file", spec.ladder.string()},
                             {"vocabulary", spec.vocabulary},
                             {"tied_head", spec.tied_head}}},
      {"budget", toml::table{{"tokens_per_param", to_array(spec.tokens_per_param)}}},
      {"data", toml::table{{"context", spec.context},
                           {"tokenizer", spec.tokenizer},
                           {"valid_tokens", spec.valid_tokens},
                           {"text_field", spec.text_field},
                           {"on_bad_document", spec.skip_bad_documents ? "skip" : "stop"},
                           {"max_lost_share", spec.max_lost_share},
                           {"language", languages}}},
      {"train", training_table(spec.train)},
      {"strategy", strategies},
      {"launch", launch_table(spec.launch)}};
  std::ostringstream text;
  text << table << "\n";
  return text.str();
}

}  // namespace crosslaw::sweep
