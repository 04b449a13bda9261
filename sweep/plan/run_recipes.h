#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "sweep/plan/budgets.h"
#include "sweep/plan/start_models.h"
#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"
#include "trainer/corpus/corpus.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// What identifies a run inside one plan, beside its budget.
struct RunPlace {
  std::string strategy;
  double replay;
  std::optional<double> base;  // tokens a parameter of what it continues; nothing: its largest
  size_t size;                 // row of the ladder
  int64_t seed;
  bool operator<(const RunPlace& other) const {
    return std::tie(strategy, replay, base, size, seed) <
           std::tie(other.strategy, other.replay, other.base, other.size, other.seed);
  }
};

// Factors of the learning rate and the batch; others than 1 in a search alone.
struct RunSetting {
  double rate = 1, batch = 1;
  bool searched = false;
};

// What one run trains: batch, steps, schedule, text. The parent of a continued run is the plan's to
// say. All throw SpecError for what cannot be trained (a budget below one batch).
class RunRecipes {
 public:
  // Without a corpus the text's hashes are the names of its files.
  RunRecipes(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
             const trainer::Corpus* corpus)
      : spec_(spec), ladder_(ladder), corpus_(corpus) {}

  BudgetCells cells(const RunPlace& place, const StrategySpec& strategy,
                    const RunSetting& setting) const;
  // start: the model from elsewhere that it continues, or null.
  trainer::Recipe recipe(const RunPlace& place, const StrategySpec& strategy,
                         const RunSetting& setting, const StartModel* start,
                         double tokens_per_param) const;
  // Empty: from scratch.
  std::string source_language(const StrategySpec& strategy) const;

 private:
  int64_t batch_tokens(const ModelSize& size, const RunSetting& setting) const;
  int64_t in_setting(int64_t batch, const RunSetting& setting) const;
  int64_t check_batch(int64_t tokens) const;
  int64_t steps(const RunPlace& place, const RunSetting& setting, double tokens_per_param) const;
  int64_t warmup_steps(const RunPlace& place, const StrategySpec& strategy,
                       const RunSetting& setting, double tokens_per_param) const;
  trainer::Schedule schedule(const RunPlace& place, const StrategySpec& strategy,
                             const RunSetting& setting, double tokens_per_param) const;
  void add_language(trainer::Recipe& recipe, const std::string& language, double share) const;
  std::string valid_hash(const std::string& language) const;
  std::string text_of(const std::string& language) const;

  const SweepSpec& spec_;
  const std::vector<ModelSize>& ladder_;
  const trainer::Corpus* corpus_;
};

}  // namespace crosslaw::sweep
