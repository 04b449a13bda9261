#include "sweep/plan/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "sweep/plan/start_models.h"
#include "trainer/recipe/learning_rate.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

// The first validation of a run comes after this share of its steps; the rest follow in equal
// ratios.
constexpr double kFirstEvaluation = 1.0 / 64;
// Beyond it counts are no longer exact: doubles hold every whole number up to here. All the text
// there is has a thousandth of it.
constexpr double kMostTokens = 0x1p53;

// What identifies a run inside one plan.
struct Place {
  std::string strategy;
  double replay;
  size_t size;
  int64_t seed;
  bool operator<(const Place& other) const {
    return std::tie(strategy, replay, size, seed) <
           std::tie(other.strategy, other.replay, other.size, other.seed);
  }
};

// A loss curve is nearly straight in log D, so equal ratios spread the points evenly over what a
// fit sees. The last step is always measured and is not among these.
std::vector<int64_t> log_spaced_steps(int64_t steps, int64_t count) {
  std::set<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) {
    double share =
        std::pow(kFirstEvaluation, 1.0 - static_cast<double>(i) / static_cast<double>(count));
    auto step = static_cast<int64_t>(std::llround(share * static_cast<double>(steps)));
    if (step >= 1 && step < steps) chosen.insert(step);
  }
  return {chosen.begin(), chosen.end()};
}

class Planner {
 public:
  Planner(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
          const trainer::Corpus* corpus)
      : spec_(spec), ladder_(ladder), corpus_(corpus) {}

  Plan plan() {
    for (const StrategySpec* strategy : parents_first()) {
      for (double replay : strategy->replay) {
        for (size_t size = 0; size < ladder_.size(); ++size) {
          // Counted from the largest size, which every strategy trains: it decides an
          // extrapolation.
          if ((ladder_.size() - 1 - size) % static_cast<size_t>(strategy->every) != 0) continue;
          start_ = start_model(spec_, *strategy, ladder_[size]);
          if (!strategy->hugging_face.empty() && !start_) continue;  // a model of another size
          for (int64_t seed : spec_.seeds)
            add_budgets({strategy->name, replay, size, seed}, *strategy);
        }
      }
    }
    require_start_models_used();
    require_distinct();
    warn_about_repetition();
    return std::move(plan_);
  }

 private:
  // One model fits one size; that the ladder lacks it is an error, not a strategy without runs.
  void require_start_models_used() const {
    for (const StrategySpec& strategy : spec_.strategies) {
      auto mine = [&](const PlannedRun& run) { return run.row.strategy == strategy.name; };
      if (strategy.hugging_face.empty() || std::any_of(plan_.runs.begin(), plan_.runs.end(), mine))
        continue;
      throw SpecError(fmt::format(
          "{}: strategy {}: the model in {} is of a size that the ladder {} lacks; add a row: {}",
          spec_.file.string(), strategy.name, strategy.hugging_face, spec_.ladder.string(),
          ladder_row(strategy)));
    }
  }

  // The spec's reader refuses cycles and unknown parents, so each round places at least one.
  std::vector<const StrategySpec*> parents_first() const {
    std::vector<const StrategySpec*> order;
    std::set<std::string> placed = {""};
    while (order.size() < spec_.strategies.size()) {
      for (const StrategySpec& strategy : spec_.strategies) {
        if (!placed.contains(strategy.name) && placed.contains(strategy.from)) {
          order.push_back(&strategy);
          placed.insert(strategy.name);
        }
      }
    }
    return order;
  }

  const std::vector<double>& budgets(const StrategySpec& strategy) const {
    return strategy.tokens_per_param.empty() ? spec_.tokens_per_param : strategy.tokens_per_param;
  }

  int64_t batch_tokens(const ModelSize& size) const {
    for (const BatchTier& tier : spec_.train.batch_tokens) {
      if (static_cast<double>(size.params_budget) < tier.below_params)
        return check_batch(tier.tokens);
    }
    return check_batch(spec_.train.batch_tokens.back().tokens);
  }

  int64_t check_batch(int64_t tokens) const {
    if (static_cast<double>(tokens) > kMostTokens)
      throw SpecError(fmt::format("{}: train.batch_tokens = {}: must be at most {:.3g}",
                                  spec_.file.string(), tokens, kMostTokens));
    if (tokens < spec_.context || tokens % spec_.context != 0) {
      throw SpecError(
          fmt::format("{}: train.batch_tokens = {}: must be a multiple of data.context = {}",
                      spec_.file.string(), tokens, spec_.context));
    }
    return tokens;
  }

  // Target tokens are the budget; replayed source tokens come on top.
  int64_t steps(const Place& place, double tokens_per_param) const {
    const ModelSize& size = ladder_[place.size];
    double tokens =
        tokens_per_param * static_cast<double>(size.params_budget) / (1.0 - place.replay);
    if (!(tokens <= kMostTokens)) {
      throw SpecError(
          fmt::format("{}: budget.tokens_per_param = {:g}: {:.3g} tokens for size {}: must be at "
                      "most {:.3g} tokens a run",
                      spec_.file.string(), tokens_per_param, tokens, size.name, kMostTokens));
    }
    auto steps =
        static_cast<int64_t>(std::llround(tokens / static_cast<double>(batch_tokens(size))));
    if (steps < 1) {
      throw SpecError(fmt::format(
          "{}: budget.tokens_per_param = {}: {:.0f} tokens for size {} are less than one batch of "
          "{}",
          spec_.file.string(), tokens_per_param, tokens, size.name, batch_tokens(size)));
    }
    return steps;
  }

  // A run's recipe depends on other budgets only where it shares steps with them: wsd runs of one
  // size share a trunk's beginning, warm-up included, which is therefore a share of the smallest
  // budget. Others warm up for a share of their own.
  int64_t warmup_steps(const Place& place, const StrategySpec& strategy,
                       double tokens_per_param) const {
    const TrainingSpec& t = spec_.train;
    const bool shares = t.schedule == trainer::ScheduleKind::kWsd;
    const double budget = shares ? budgets(strategy).front() : tokens_per_param;
    const double all = t.warmup_fraction * static_cast<double>(steps(place, budget));
    return std::clamp(static_cast<int64_t>(std::llround(all)), t.warmup_steps_min,
                      t.warmup_steps_max);
  }

  trainer::Schedule schedule(const Place& place, const StrategySpec& strategy,
                             double tokens_per_param) const {
    const TrainingSpec& t = spec_.train;
    trainer::Schedule s;
    s.kind = t.schedule;
    s.steps = steps(place, tokens_per_param);
    s.warmup_steps = warmup_steps(place, strategy, tokens_per_param);
    if (s.kind == trainer::ScheduleKind::kWsd) {
      s.cooldown_steps =
          std::max<int64_t>(1, std::llround(t.cooldown_fraction * static_cast<double>(s.steps)));
    }
    // Peak ~ 1 / width is what muP derives for matrices (arXiv:2203.03466); a spec may give one
    // peak for all sizes instead.
    auto hidden = static_cast<double>(ladder_[place.size].shape.hidden);
    s.peak_learning_rate =
        t.peak_learning_rate > 0 ? t.peak_learning_rate : t.learning_rate_times_hidden / hidden;
    s.final_ratio = t.final_learning_rate;
    return s;
  }

  // Empty: from scratch.
  std::string source_language(const StrategySpec& strategy) const {
    return strategy.from.empty() ? strategy.source_language
                                 : spec_.strategy(strategy.from)->language;
  }

  trainer::Recipe recipe(const Place& place, const StrategySpec& strategy,
                         double tokens_per_param) const {
    const ModelSize& size = ladder_[place.size];
    trainer::Recipe r;
    r.model = start_ ? start_->shape : size.shape;
    r.context_tokens = spec_.context;
    r.batch_sequences = batch_tokens(size) / spec_.context;
    r.schedule = schedule(place, strategy, tokens_per_param);
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

  void add_language(trainer::Recipe& r, const std::string& language, double share) const {
    r.mixture.push_back(
        {language, share, corpus_ ? corpus_->language(language).train.sha256 : text_of(language)});
    if (r.validation.empty()) r.validation.push_back({language, valid_hash(language)});
  }

  std::string valid_hash(const std::string& language) const {
    return corpus_ ? corpus_->language(language).valid.sha256 : text_of(language);
  }

  // In place of a hash: languages whose files differ are different texts.
  std::string text_of(const std::string& name) const {
    for (const LanguageSpec& language : spec_.languages) {
      if (language.name != name) continue;
      return fmt::format("{} {}", fmt::join(language.train, " "), fmt::join(language.valid, " "));
    }
    return name;
  }

  // The largest budget is the trunk: with wsd the smaller ones branch off where their cooldown
  // begins.
  void add_budgets(const Place& place, const StrategySpec& strategy) {
    std::optional<size_t> trunk;
    const std::vector<double>& all = budgets(strategy);
    for (auto budget = all.rbegin(); budget != all.rend(); ++budget) {
      size_t index = add_run(place, strategy, *budget);
      PlannedRun& run = plan_.runs[index];
      int64_t shared = trainer::shared_steps(run.recipe.schedule);
      if (!trunk) {
        trunk = index;
        largest_[place] = index;
        run.evaluation_steps = log_spaced_steps(run.recipe.schedule.steps, spec_.train.evaluations);
        // Only where the branch point lies behind the warm-up are the learning rates before it the
        // same.
      } else if (shared > 0 && shared >= run.recipe.schedule.warmup_steps) {
        run.trunk = {*trunk, shared};
        plan_.runs[*trunk].publish_steps.push_back(shared);
      } else {
        run.evaluation_steps = log_spaced_steps(run.recipe.schedule.steps, spec_.train.evaluations);
      }
    }
  }

  size_t add_run(const Place& place, const StrategySpec& strategy, double tokens_per_param) {
    PlannedRun run;
    run.tokens_per_param = tokens_per_param;
    run.recipe = recipe(place, strategy, tokens_per_param);
    if (!strategy.from.empty()) {
      const StrategySpec& parent = *spec_.strategy(strategy.from);
      // Of several replay shares the first is continued, of several budgets the largest: the
      // strongest source model of that size.
      size_t index = largest_.at({parent.name, parent.replay.front(), place.size, place.seed});
      run.parent = {index, plan_.runs[index].recipe.schedule.steps};
      run.recipe.parent_key = plan_.runs[index].row.key;
      run.recipe.parent_step = run.parent->step;
    }
    if (start_) {
      run.start_model = start_->folder;
      run.recipe.parent_key =
          corpus_ ? corpus_->start_models.at(start_->folder).key : start_->folder;
    }
    if (auto messages = trainer::complaints(run.recipe); !messages.empty()) {
      throw SpecError(fmt::format("{}: size {}, strategy {}: {}", spec_.file.string(),
                                  ladder_[place.size].name, strategy.name, messages.front()));
    }
    // Replay and seed only where they tell runs apart.
    run.name = fmt::format("{}{} {} {:g}tpp{}", strategy.name,
                           strategy.replay.size() > 1 ? fmt::format("+{:g}", place.replay) : "",
                           ladder_[place.size].name, tokens_per_param,
                           spec_.seeds.size() > 1 ? fmt::format(" seed{}", place.seed) : "");
    fill_row(run, place, strategy);
    plan_.runs.push_back(std::move(run));
    return plan_.runs.size() - 1;
  }

  void fill_row(PlannedRun& run, const Place& place, const StrategySpec& strategy) const {
    const trainer::Recipe& recipe = run.recipe;
    trainer::ParameterCount count = trainer::count_parameters(recipe.model);
    db::RunRow& row = run.row;
    row.key = trainer::run_key(recipe);
    row.name = run.name;
    row.recipe = trainer::to_json(recipe).dump();
    row.strategy = strategy.name;
    row.language = strategy.language;
    if (!strategy.from.empty()) row.parent_key = recipe.parent_key;
    if (const std::string source = source_language(strategy); !source.empty())
      row.source_language = source;
    row.replay = place.replay;
    row.size = ladder_[place.size].name;
    row.seed = place.seed;
    row.params_embedding = count.embedding, row.params_unembedding = count.unembedding;
    row.params_blocks = count.blocks, row.params_norms = count.norms;
    row.params_budget = ladder_[place.size].params_budget;
    row.steps = recipe.schedule.steps;
    int64_t tokens = row.steps * recipe.batch_tokens();
    // By share. Batches hold whole sequences, so that the trainer's own count may differ by less
    // than one.
    row.tokens_source = std::llround(place.replay * static_cast<double>(tokens));
    row.tokens_target = tokens - row.tokens_source;
    row.flops = trainer::training_flops_per_token(recipe.model, recipe.context_tokens) *
                static_cast<double>(tokens);
  }

  void require_distinct() const {
    std::map<std::string, std::string> names;
    for (const PlannedRun& run : plan_.runs) {
      auto [at, fresh] = names.emplace(run.row.key, run.name);
      if (!fresh)
        throw SpecError(
            fmt::format("{}: the runs \"{}\" and \"{}\" are the same training; remove one",
                        spec_.file.string(), at->second, run.name));
    }
  }

  void warn_about_repetition() {
    if (!corpus_) return;
    std::map<std::string, double> most;
    for (const PlannedRun& run : plan_.runs) {
      double passes = static_cast<double>(run.row.tokens_target) /
                      static_cast<double>(corpus_->language(run.row.language).train.tokens);
      most[run.row.language] = std::max(most[run.row.language], passes);
    }
    for (const auto& [language, passes] : most) {
      if (passes > 1) {
        plan_.warnings.push_back(
            fmt::format("{}: the largest budget passes {:.1f} times over the text; losses of "
                        "repeated text follow another law",
                        language, passes));
      }
    }
  }

  const SweepSpec& spec_;
  const std::vector<ModelSize>& ladder_;
  const trainer::Corpus* corpus_;
  Plan plan_;
  std::map<Place, size_t> largest_;
  std::optional<StartModel> start_;  // of the strategy and size at work
};

}  // namespace

double PlannedRun::flops_6nd() const {
  return 6.0 * static_cast<double>(row.params_budget) *
         static_cast<double>(row.tokens_target + row.tokens_source);
}

int64_t PlannedRun::steps_to_train() const { return row.steps - (trunk ? trunk->step : 0); }

double PlannedRun::flops_to_train() const {
  return row.flops * static_cast<double>(steps_to_train()) / static_cast<double>(row.steps);
}

double PlannedRun::checkpoint_bytes() const {
  return trainer::checkpoint_bytes(recipe.model, false) +
         static_cast<double>(publish_steps.size()) * trainer::checkpoint_bytes(recipe.model, true);
}

Plan make_plan(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
               const trainer::Corpus* corpus) {
  return Planner(spec, ladder, corpus).plan();
}

}  // namespace crosslaw::sweep
