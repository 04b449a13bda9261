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

toml::table budget_table(const SweepSpec& spec) {
  if (!spec.tokens_per_param.empty())
    return toml::table{{"tokens_per_param", to_array(spec.tokens_per_param)}};
  toml::table table;
  if (!spec.budget_tokens.empty()) table.insert("tokens", to_array(spec.budget_tokens));
  if (!spec.budget_flops.empty()) {
    table.insert("flops", to_array(spec.budget_flops));
    table.insert("count_flops", spec.exact_flops ? "exact" : "6nd");
  }
  if (std::isfinite(spec.most_tokens_per_param))
    table.insert("tokens_per_param_range",
                 toml::array{spec.least_tokens_per_param, spec.most_tokens_per_param});
  return table;
}

toml::table training_table(const TrainingSpec& t) {
  toml::table table{{"schedule", t.schedule == trainer::ScheduleKind::kCosine ? "cosine"
                                 : t.cooldown == trainer::Cooldown::kLinear   ? "wsd-linear"
                                                                              : "wsd"},
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
                    {"source_valid_tokens", t.source_valid_tokens},
                    {"source_loss_at_end_only", t.source_loss_at_end_only},
                    {"checkpoint_every_seconds", t.checkpoint_every_seconds},
                    {"checkpoint_time_share", t.checkpoint_time_share},
                    {"deterministic", t.deterministic}};
  if (t.peak_learning_rate > 0) table.insert("peak_learning_rate", t.peak_learning_rate);
  if (t.learning_rate_times_hidden > 0)
    table.insert("learning_rate_times_hidden", t.learning_rate_times_hidden);
  if (t.search) {
    toml::table search{{"sizes", to_array(t.search->sizes)},
                       {"rate_factors", to_array(t.search->rate_factors)},
                       {"batch_factors", to_array(t.search->batch_factors)}};
    if (!t.search->strategies.empty()) search.insert("strategies", to_array(t.search->strategies));
    if (t.search->tokens_per_param > 0)
      search.insert("tokens_per_param", t.search->tokens_per_param);
    table.insert("search", search);
  }
  if (t.rate_rule == RateRule::kStepLaw) {
    table.insert("learning_rate_rule", "step-law");
    table.insert("learning_rate_factor", t.learning_rate_factor);
  } else if (t.rate_rule == RateRule::kHorizon) {
    table.insert("learning_rate_rule", "horizon");
    table.insert("reference_batch_tokens", t.reference_batch_tokens);
    table.insert("reference_tokens", t.reference_tokens);
  }
  if (t.optimizer.kind != trainer::OptimizerKind::kAdamW) {
    table.insert("optimizer",
                 t.optimizer.kind == trainer::OptimizerKind::kAdamH ? "adamh" : "muon");
    table.insert("adam_learning_rate", t.optimizer.adam_learning_rate);
  }
  if (t.init_std > 0) {
    table.insert("init", t.init_std);
  } else {
    table.insert("init", "fan_in");
  }
  toml::array tiers;
  for (const BatchTier& tier : t.batch_tokens) {
    toml::table row{{"tokens", tier.tokens}};
    // The last tier has no bound, and is known by that when it is read again.
    if (std::isfinite(tier.below_params)) row.insert("below_params", tier.below_params);
    tiers.push_back(row);
  }
  table.insert("batch_tokens", tiers);
  return table;
}

toml::table strategy_table(const StrategySpec& s) {
  toml::table table{{"name", s.name},
                    {"language", s.language},
                    {"every", s.every},
                    {"replay", to_array(s.replay)}};
  if (!s.from.empty()) table.insert("from", s.from);
  if (!s.base_tokens_per_param.empty()) {
    table.insert("from_tokens_per_param", to_array(s.base_tokens_per_param));
    table.insert("from_phase", s.base_phase == BasePhase::kEnd      ? "end"
                               : s.base_phase == BasePhase::kStable ? "stable"
                                                                    : "auto");
  }
  if (!s.hugging_face.empty()) {
    table.insert("from", "hf:" + s.hugging_face);
    table.insert("source_language", s.source_language);
    table.insert("vocabulary", s.resize_vocabulary ? "resize" : "keep");
  }
  if (!s.tokens_per_param.empty()) table.insert("tokens_per_param", to_array(s.tokens_per_param));
  return table;
}

// Sizes that no table names take the seeds of the first.
toml::array seeds_array(const SweepSpec& spec) {
  if (spec.size_seeds.empty()) return to_array(spec.seeds);
  toml::array seeds{toml::table{{"seeds", to_array(spec.seeds)}}};
  for (const SizeSeeds& some : spec.size_seeds)
    seeds.push_back(toml::table{{"sizes", to_array(some.sizes)}, {"seeds", to_array(some.seeds)}});
  return seeds;
}

}  // namespace

std::string to_toml(const SweepSpec& spec) {
  toml::table languages;
  for (const LanguageSpec& language : spec.languages) {
    languages.insert(language.name, toml::table{{"train", to_array(language.train)},
                                                {"valid", to_array(language.valid)}});
  }
  toml::array strategies;
  for (const StrategySpec& strategy : spec.strategies)
    strategies.push_back(strategy_table(strategy));
  toml::array choices;
  for (const trainer::ChoiceFile& set : spec.choices) {
    toml::table row{{"name", set.name}, {"file", set.file.string()}, {"delimiter", set.delimiter}};
    if (!set.language.empty()) row.insert("language", set.language);
    choices.push_back(row);
  }
  toml::table table{
      {"name", spec.name},
      {"seeds", seeds_array(spec)},
      {"ladder", toml::table{{"file", spec.ladder.string()},
                             {"vocabulary", spec.vocabulary},
                             {"tied_head", spec.tied_head}}},
      {"budget", budget_table(spec)},
      {"data", toml::table{{"context", spec.context},
                           {"tokenizer", spec.tokenizer},
                           {"valid_tokens", spec.valid_tokens},
                           {"text_field", spec.text_field},
                           {"on_bad_document", spec.skip_bad_documents ? "skip" : "stop"},
                           {"allow_overlap", spec.allow_overlap},
                           {"allow_foreign", spec.allow_foreign},
                           {"max_lost_share", spec.max_lost_share},
                           {"language", languages}}},
      {"train", training_table(spec.train)},
      {"strategy", strategies},
      {"launch", launch_table(spec.launch)}};
  if (!spec.choices.empty()) table.insert("choices", choices);
  std::ostringstream text;
  text << table << "\n";
  return text.str();
}

}  // namespace crosslaw::sweep
