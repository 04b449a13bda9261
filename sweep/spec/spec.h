#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sweep/spec/launch_spec.h"
#include "sweep/spec/spec_error.h"
#include "trainer/corpus/corpus.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// Batch size in tokens of the models with fewer parameters than `below_params`.
struct BatchTier {
  double below_params = 0;  // infinity for the last
  int64_t tokens = 0;
};

struct LanguageSpec {
  std::string name;
  std::vector<std::string> train;  // file patterns, absolute
  std::vector<std::string> valid;
};

// One way to train the whole ladder.
struct StrategySpec {
  std::string name;
  std::string language;
  std::string from;             // the strategy whose models it continues; empty: none of this sweep
  std::string hugging_face;     // or a folder of Hugging Face; {size} stands for the ladder's name
  std::string source_language;  // of that model
  bool resize_vocabulary = false;  // of that model, to the ladder's
  std::vector<double> replay = {
      0.0};  // shares of source-language tokens; each makes runs of its own
  std::vector<double> tokens_per_param;  // empty: the budget's
  int64_t every = 1;  // takes each so-manieth size of the ladder, the largest included
};

struct TrainingSpec {
  trainer::ScheduleKind schedule = trainer::ScheduleKind::kCosine;
  double peak_learning_rate = 0;          // or
  double learning_rate_times_hidden = 0;  // peak = this / hidden
  double warmup_fraction = 0.05;          // of the strategy's smallest budget
  int64_t warmup_steps_min = 1;
  int64_t warmup_steps_max = INT64_MAX;
  double cooldown_fraction = 0.2;    // wsd
  double final_learning_rate = 0.1;  // cosine: share of the peak at the end
  std::vector<BatchTier> batch_tokens;
  trainer::AdamWOptions optimizer;
  std::string precision = "auto";
  double init_std = 0.02;   // 0: 1 / sqrt(3 fan_in), written init = "fan_in"
  int64_t evaluations = 8;  // validation losses along a run, log-spaced, besides the last
  bool source_loss_at_end_only = false;  // continued runs: loss on the source language
  double checkpoint_every_seconds = 600;
  double checkpoint_time_share = 0.02;  // seldomer where they would cost more of a run's time
};

struct SweepSpec {
  std::string name;
  std::filesystem::path file;
  std::filesystem::path ladder;
  int64_t vocabulary = 0;
  bool tied_head = false;
  std::vector<double> tokens_per_param;
  std::vector<int64_t> seeds = {1};
  int64_t context = 0;
  std::string tokenizer;
  int64_t valid_tokens = 1'000'000;
  std::string text_field = "text";  // of a .jsonl's objects
  bool skip_bad_documents = false;  // on_bad_document = "skip"
  double max_lost_share = 0.05;     // of a text's bytes, that the tokenizer may lose
  std::vector<LanguageSpec> languages;
  TrainingSpec train;
  std::vector<StrategySpec> strategies;
  LaunchSpec launch;

  const StrategySpec* strategy(const std::string& name) const;
};

// Reads and checks a spec. Unknown keys, wrong types, unknown parents and cycles are errors; paths
// are relative to the spec's folder.
SweepSpec read_spec(const std::filesystem::path& file);

// The same spec with every default written out and every path absolute.
std::string to_toml(const SweepSpec& spec);

// The files behind the patterns, sorted. Throws SpecError when a pattern matches nothing.
trainer::CorpusOptions corpus_options(const SweepSpec& spec, const std::filesystem::path& folder);

}  // namespace crosslaw::sweep
