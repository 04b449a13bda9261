#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sweep/spec/launch_spec.h"
#include "trainer/corpus/choice_set.h"
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

// Which of a run's checkpoints is continued where a number of tokens is named: the end of a run of
// just so many, or one of the trunk's constant phase, which has not cooled down. kAuto takes the
// end where the spec trains such a run.
enum class BasePhase { kAuto, kEnd, kStable };

// One way to train the whole ladder.
struct StrategySpec {
  std::string name;
  std::string language;
  std::string from;  // the strategy whose models it continues; empty: none of this sweep
  // Target tokens a parameter of that strategy after which it is continued; each makes runs of its
  // own. Empty: the end of its largest budget.
  std::vector<double> base_tokens_per_param;
  BasePhase base_phase = BasePhase::kAuto;
  std::string hugging_face;     // or a folder of Hugging Face; {size} stands for the ladder's name
  std::string source_language;  // of that model
  bool resize_vocabulary = false;  // of that model, to the ladder's
  std::vector<double> replay = {
      0.0};  // shares of source-language tokens; each makes runs of its own
  std::vector<double> tokens_per_param;  // empty: the budget's
  int64_t every = 1;  // takes each so-manieth size of the ladder, the largest included
};

// How the peak of the learning rate follows from a run (learning_rates.h has the formulas).
enum class RateRule { kConstant, kOverHidden, kStepLaw, kHorizon };

// Other learning rates and batches of some sizes, at one budget: runs that look for the best
// setting and are no points of a law.
struct SearchSpec {
  std::vector<std::string> sizes;
  std::vector<std::string> strategies;                      // empty: all from scratch
  std::vector<double> rate_factors = {0.25, 0.5, 1, 2, 4};  // times the peak of the rule
  std::vector<double> batch_factors = {1};                  // times the size's batch
  double tokens_per_param = 0;                              // 0: the strategy's largest budget
};

struct TrainingSpec {
  trainer::ScheduleKind schedule = trainer::ScheduleKind::kCosine;
  trainer::Cooldown cooldown = trainer::Cooldown::kOneMinusSqrt;  // wsd
  RateRule rate_rule = RateRule::kConstant;
  double peak_learning_rate = 0;          // of every size; kHorizon: at the reference
  double learning_rate_times_hidden = 0;  // kOverHidden: peak = this / hidden
  double learning_rate_factor = 1;        // kStepLaw: times the law's
  double reference_batch_tokens = 0, reference_tokens = 0;  // kHorizon
  double warmup_fraction = 0.05;                            // of the strategy's smallest budget
  int64_t warmup_steps_min = 1;
  int64_t warmup_steps_max = INT64_MAX;
  double cooldown_fraction = 0.2;    // wsd
  double final_learning_rate = 0.1;  // cosine: share of the peak at the end
  std::vector<BatchTier> batch_tokens;
  trainer::OptimizerOptions optimizer;
  std::optional<SearchSpec> search;
  std::string precision = "auto";
  double init_std = 0.02;   // 0: 1 / sqrt(3 fan_in), written init = "fan_in"
  int64_t evaluations = 8;  // validation losses along a run, log-spaced, besides the last
  // Continued runs: the loss on the source language, of all its text at both ends; along the way of
  // so many tokens (0: all), or not at all.
  int64_t source_valid_tokens = 0;
  bool source_loss_at_end_only = false;
  double checkpoint_every_seconds = 600;
  bool deterministic = false;           // the same bits each time on a GPU, too
  double checkpoint_time_share = 0.02;  // seldomer where they would cost more of a run's time
};

// Some sizes are trained with more seeds than others.
struct SizeSeeds {
  std::vector<std::string> sizes;  // by name
  std::vector<int64_t> seeds;
};

struct SweepSpec {
  std::string name;
  std::filesystem::path file;
  std::filesystem::path ladder;
  int64_t vocabulary = 0;
  bool tied_head = false;
  // Of the budget's three ways to say how much is trained one is not empty.
  std::vector<double> tokens_per_param;
  std::vector<double> budget_tokens;  // of the target language
  std::vector<double> budget_flops;   // of all tokens
  bool exact_flops = false;           // attention and head counted; else 6 N D
  // Cells outside are left out where budgets are tokens or FLOPs.
  double least_tokens_per_param = 0,
         most_tokens_per_param = std::numeric_limits<double>::infinity();
  std::vector<int64_t> seeds = {1};
  std::vector<SizeSeeds> size_seeds;  // of these sizes instead
  int64_t context = 0;
  std::string tokenizer;
  int64_t valid_tokens = 1'000'000;
  std::string text_field = "text";  // of a .jsonl's objects
  bool skip_bad_documents = false;  // on_bad_document = "skip"
  double allow_overlap = 0.005;     // of a validation text, in passages of training text
  double allow_foreign = 0.3;       // of a text, in other languages than its name says
  double max_lost_share = 0.05;     // of a text's bytes, that the tokenizer may lose
  std::vector<LanguageSpec> languages;
  TrainingSpec train;
  std::vector<StrategySpec> strategies;
  std::vector<trainer::ChoiceFile> choices;  // questions that are asked at the end of runs
  LaunchSpec launch;

  const StrategySpec* strategy(const std::string& name) const;
  const std::vector<int64_t>& seeds_of(const std::string& size) const;
};

}  // namespace crosslaw::sweep
