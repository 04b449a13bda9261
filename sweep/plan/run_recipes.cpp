#include "sweep/plan/run_recipes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "sweep/plan/learning_rates.h"
#include "trainer/recipe/learning_rate.h"

namespace crosslaw::sweep {
namespace {

// Beyond it counts are no longer exact: doubles hold every whole number up to here. All the text
// there is has a thousandth of it.
constexpr double kMostTokens = 0x1p53;

// By the key that the spec has: budgets in tokens or FLOPs are a ratio of each size's own.
std::string named_budget(const SweepSpec& spec, double tokens_per_param) {
  if (!spec.budget_flops.empty())
    return fmt::format("budget.flops, {:.4g} tokens a parameter", tokens_per_param);
  if (!spec.budget_tokens.empty())
    return fmt::format("budget.tokens, {:.4g} tokens a parameter", tokens_per_param);
  return fmt::format("budget.tokens_per_param = {:g}", tokens_per_param);
}

}  // namespace

BudgetCells RunRecipes::cells(const RunPlace& place, const StrategySpec& strategy,
                              const RunSetting& setting) const {
  const ModelSize& size = ladder_[place.size];
  return budget_cells(spec_, strategy, size, place.replay, batch_tokens(size, setting));
}

int64_t RunRecipes::batch_tokens(const ModelSize& size, const RunSetting& setting) const {
  for (const BatchTier& tier : spec_.train.batch_tokens) {
    if (static_cast<double>(size.params_budget) < tier.below_params)
      return check_batch(in_setting(tier.tokens, setting));
  }
  return check_batch(in_setting(spec_.train.batch_tokens.back().tokens, setting));
}

int64_t RunRecipes::in_setting(int64_t batch, const RunSetting& setting) const {
  const double tokens = setting.batch * static_cast<double>(batch);
  if (!(tokens <= kMostTokens))
    throw SpecError(fmt::format("{}: train.batch_tokens = {}: must be at most {:.3g}",
                                spec_.file.string(), batch, kMostTokens));
  return setting.batch == 1 ? batch : std::llround(tokens);
}

int64_t RunRecipes::check_batch(int64_t tokens) const {
  if (tokens < spec_.context || tokens % spec_.context != 0) {
    throw SpecError(
        fmt::format("{}: train.batch_tokens = {}: must be a multiple of data.context = {}",
                    spec_.file.string(), tokens, spec_.context));
  }
  return tokens;
}

// Target tokens are the budget; replayed source tokens come on top.
int64_t RunRecipes::steps(const RunPlace& place, const RunSetting& setting,
                          double tokens_per_param) const {
  const ModelSize& size = ladder_[place.size];
  double tokens = tokens_per_param * static_cast<double>(size.params_budget) / (1.0 - place.replay);
  if (!(tokens <= kMostTokens)) {
    throw SpecError(
        fmt::format("{}: {}: {:.3g} tokens for size {}: must be at most {:.3g} tokens "
                    "a run",
                    spec_.file.string(), named_budget(spec_, tokens_per_param), tokens, size.name,
                    kMostTokens));
  }
  auto steps =
      static_cast<int64_t>(std::llround(tokens / static_cast<double>(batch_tokens(size, setting))));
  if (steps < 1) {
    throw SpecError(fmt::format("{}: {}: {:.0f} tokens for size {} are less than one batch of {}",
                                spec_.file.string(), named_budget(spec_, tokens_per_param), tokens,
                                size.name, batch_tokens(size, setting)));
  }
  return steps;
}

// A run's recipe depends on other budgets only where it shares steps with them: wsd runs of one
// size share a trunk's beginning, warm-up included, which is therefore a share of the smallest
// budget. Others warm up for a share of their own.
int64_t RunRecipes::warmup_steps(const RunPlace& place, const StrategySpec& strategy,
                                 const RunSetting& setting, double tokens_per_param) const {
  const TrainingSpec& t = spec_.train;
  const bool shares = t.schedule == trainer::ScheduleKind::kWsd;
  const double budget =
      shares ? cells(place, strategy, setting).kept.front().tokens_per_param : tokens_per_param;
  const double all = t.warmup_fraction * static_cast<double>(steps(place, setting, budget));
  return std::clamp(static_cast<int64_t>(std::llround(all)), t.warmup_steps_min,
                    t.warmup_steps_max);
}

trainer::Schedule RunRecipes::schedule(const RunPlace& place, const StrategySpec& strategy,
                                       const RunSetting& setting, double tokens_per_param) const {
  const TrainingSpec& t = spec_.train;
  trainer::Schedule s;
  s.kind = t.schedule;
  s.steps = steps(place, setting, tokens_per_param);
  s.warmup_steps = warmup_steps(place, strategy, setting, tokens_per_param);
  if (s.kind == trainer::ScheduleKind::kWsd) {
    s.cooldown_steps =
        std::max<int64_t>(1, std::llround(t.cooldown_fraction * static_cast<double>(s.steps)));
  }
  const ModelSize& size = ladder_[place.size];
  s.peak_learning_rate =
      setting.rate * peak_learning_rate(t, size.shape, batch_tokens(size, setting), s.steps);
  s.final_ratio = t.final_learning_rate;
  s.cooldown = t.cooldown;
  return s;
}

std::string RunRecipes::source_language(const StrategySpec& strategy) const {
  return strategy.from.empty() ? strategy.source_language : spec_.strategy(strategy.from)->language;
}

trainer::Recipe RunRecipes::recipe(const RunPlace& place, const StrategySpec& strategy,
                                   const RunSetting& setting, const StartModel* start,
                                   double tokens_per_param) const {
  const ModelSize& size = ladder_[place.size];
  trainer::Recipe r;
  r.model = start ? start->shape : size.shape;
  r.context_tokens = spec_.context;
  r.batch_sequences = batch_tokens(size, setting) / spec_.context;
  r.schedule = schedule(place, strategy, setting, tokens_per_param);
  r.optimizer = spec_.train.optimizer;
  r.precision = spec_.train.precision;
  r.seed = static_cast<uint64_t>(place.seed);
  r.init_std = spec_.train.init_std;
  add_language(r, strategy.language, 1.0 - place.replay);
  // A continued run is measured on both languages: what it learns and what it forgets.
  // (The language of a model from elsewhere may be one without text here.)
  const std::string source = source_language(strategy);
  const bool has_text =
      std::any_of(spec_.languages.begin(), spec_.languages.end(),
                  [&](const LanguageSpec& language) { return language.name == source; });
  if (has_text) {
    if (place.replay > 0) add_language(r, source, place.replay);
    r.validation.push_back({source, valid_hash(source)});
  }
  if (corpus_) r.tokenizer_sha256 = corpus_->tokenizer_sha256;
  return r;
}

void RunRecipes::add_language(trainer::Recipe& r, const std::string& language, double share) const {
  r.mixture.push_back(
      {language, share, corpus_ ? corpus_->language(language).train.sha256 : text_of(language)});
  if (r.validation.empty()) r.validation.push_back({language, valid_hash(language)});
}

std::string RunRecipes::valid_hash(const std::string& language) const {
  return corpus_ ? corpus_->language(language).valid.sha256 : text_of(language);
}

// In place of a hash: languages whose files differ are different texts.
std::string RunRecipes::text_of(const std::string& name) const {
  for (const LanguageSpec& language : spec_.languages) {
    if (language.name != name) continue;
    return fmt::format("{} {}", fmt::join(language.train, " "), fmt::join(language.valid, " "));
  }
  return name;
}

}  // namespace crosslaw::sweep
