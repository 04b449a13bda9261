#include "sweep/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "sweep/plan/base_checkpoints.h"
#include "sweep/plan/budgets.h"
#include "sweep/plan/exposure.h"
#include "sweep/plan/plan_doubts.h"
#include "sweep/plan/run_gpus.h"
#include "sweep/plan/run_recipes.h"
#include "sweep/plan/start_models.h"
#include "trainer/recipe/learning_rate.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

// The first validation of a run comes after this share of its steps; the rest follow in equal
// ratios.
constexpr double kFirstEvaluation = 1.0 / 64;

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
      : spec_(spec), ladder_(ladder), corpus_(corpus), recipes_(spec, ladder, corpus) {}

  Plan plan() {
    require_sizes();
    for (const StrategySpec* strategy : parents_first()) {
      for (double replay : strategy->replay) {
        for (const std::optional<double>& base : bases(*strategy))
          add_sizes(*strategy, replay, base);
      }
    }
    require_start_models_used();
    report_left_out();
    require_distinct();
    warn_about_mixed_bases(spec_, plan_);
    warn_about_repetition();
    for (std::string& each : doubts_about(spec_, plan_)) plan_.warnings.push_back(std::move(each));
    return std::move(plan_);
  }

 private:
  // Sizes that the spec names must be of the ladder.
  void require_sizes() const {
    std::vector<std::string> named;
    for (const SizeSeeds& some : spec_.size_seeds)
      named.insert(named.end(), some.sizes.begin(), some.sizes.end());
    if (const auto& search = spec_.train.search) {
      named.insert(named.end(), search->sizes.begin(), search->sizes.end());
      for (const std::string& name : search->strategies) {
        if (!spec_.strategy(name))
          throw SpecError(fmt::format("{}: train.search.strategies: there is no strategy {}",
                                      spec_.file.string(), name));
      }
    }
    for (const std::string& name : named) {
      if (std::none_of(ladder_.begin(), ladder_.end(),
                       [&](const ModelSize& size) { return size.name == name; }))
        throw SpecError(fmt::format("{}: sizes: the ladder {} has no size {}", spec_.file.string(),
                                    spec_.ladder.string(), name));
    }
  }

  void add_sizes(const StrategySpec& strategy, double replay, std::optional<double> base) {
    for (size_t size = 0; size < ladder_.size(); ++size) {
      // Counted from the largest size, which every strategy trains: it decides an extrapolation.
      if ((ladder_.size() - 1 - size) % static_cast<size_t>(strategy.every) != 0) continue;
      start_ = start_model(spec_, strategy, ladder_[size]);
      if (!strategy.hugging_face.empty() && !start_) continue;  // a model of another size
      for (int64_t seed : spec_.seeds_of(ladder_[size].name))
        add_runs({strategy.name, replay, base, size, seed}, strategy);
    }
  }

  void add_runs(const RunPlace& place, const StrategySpec& strategy) {
    add_budgets(place, strategy);
    if (spec_.train.search && is_searched(place, strategy)) add_search(place, strategy);
  }

  bool is_searched(const RunPlace& place, const StrategySpec& strategy) const {
    const SearchSpec& search = *spec_.train.search;
    const auto has = [](const std::vector<std::string>& names, const std::string& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    const bool wanted = search.strategies.empty()
                            ? strategy.from.empty() && strategy.hugging_face.empty()
                            : has(search.strategies, strategy.name);
    return wanted && has(search.sizes, ladder_[place.size].name);
  }

  // The other settings of one size at one budget; the sweep's own is among its runs already.
  void add_search(const RunPlace& place, const StrategySpec& strategy) {
    const SearchSpec& search = *spec_.train.search;
    const std::vector<BudgetCell> kept = recipes_.cells(place, strategy, setting_).kept;
    if (kept.empty()) return;
    const BudgetCell budget =
        search.tokens_per_param > 0 ? ratio_cell(search.tokens_per_param) : kept.back();
    for (double batch : search.batch_factors) {
      for (double rate : search.rate_factors) {
        if (batch == 1 && rate == 1) continue;
        setting_ = {rate, batch, true};
        add_run(place, strategy, budget);
      }
    }
    setting_ = {};
  }

  static std::vector<std::optional<double>> bases(const StrategySpec& strategy) {
    if (strategy.base_tokens_per_param.empty()) return {std::nullopt};
    return {strategy.base_tokens_per_param.begin(), strategy.base_tokens_per_param.end()};
  }

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

  void report_left_out() {
    if (plan_.runs.empty())
      throw SpecError(fmt::format(
          "{}: budget: no size has a budget of at least one batch within tokens_per_param_range",
          spec_.file.string()));
    if (left_out_ > 0)
      plan_.warnings.push_back(
          fmt::format("{} runs are left out: their tokens a parameter lie outside "
                      "budget.tokens_per_param_range, or fill no batch; the first is {}",
                      left_out_, first_left_out_));
    if (without_source_ > 0)
      plan_.warnings.push_back(
          fmt::format("{} runs are left out, for the run that they continue is", without_source_));
  }

  void leave_out(const RunPlace& place, size_t count) {
    if (left_out_ == 0 && count > 0)
      first_left_out_ = fmt::format("{} {}", place.strategy, ladder_[place.size].name);
    left_out_ += count;
  }

  // The largest budget is the trunk: with wsd the smaller ones branch off where their cooldown
  // begins.
  void add_budgets(const RunPlace& place, const StrategySpec& strategy) {
    std::optional<size_t> trunk;
    const BudgetCells all = recipes_.cells(place, strategy, setting_);
    leave_out(place, all.left_out);
    if (!has_source(place, strategy)) {
      without_source_ += all.kept.size();
      return;
    }
    for (auto budget = all.kept.rbegin(); budget != all.kept.rend(); ++budget) {
      size_t index = add_run(place, strategy, *budget);
      PlannedRun& run = plan_.runs[index];
      int64_t shared = trainer::shared_steps(run.recipe.schedule);
      runs_of_[place].push_back(index);
      if (!trunk) {
        trunk = index;
        evaluate_along_the_way(run);
        // Only where the branch point lies behind the warm-up are the learning rates before it the
        // same, and only where their peak does not follow from the budget.
      } else if (shared > 0 && shared >= run.recipe.schedule.warmup_steps &&
                 trainer::trajectory_key(run.recipe) ==
                     trainer::trajectory_key(plan_.runs[*trunk].recipe)) {
        run.trunk = {*trunk, shared};
        plan_.runs[*trunk].publish_steps.push_back(shared);
      } else {
        evaluate_along_the_way(run);
      }
    }
  }

  void evaluate_along_the_way(PlannedRun& run) const {
    run.evaluation_steps = log_spaced_steps(run.recipe.schedule.steps, spec_.train.evaluations);
    // What a run continues is measured, too: what it forgets and gains is counted from there.
    if (!run.recipe.parent_key.empty())
      run.evaluation_steps.insert(run.evaluation_steps.begin(), 0);
  }

  // The run that is continued: of several replay shares the first, of several bases the largest.
  static RunPlace source_of(const RunPlace& place, const StrategySpec& parent) {
    return {parent.name, parent.replay.front(), bases(parent).back(), place.size, place.seed};
  }

  // A grid of FLOPs may leave out the size that would be continued.
  bool has_source(const RunPlace& place, const StrategySpec& strategy) const {
    return strategy.from.empty() ||
           runs_of_.contains(source_of(place, *spec_.strategy(strategy.from)));
  }

  size_t add_run(const RunPlace& place, const StrategySpec& strategy, const BudgetCell& budget) {
    const double tokens_per_param = budget.tokens_per_param;
    PlannedRun run;
    run.tokens_per_param = tokens_per_param;
    run.row.search = setting_.searched;
    run.recipe =
        recipes_.recipe(place, strategy, setting_, start_ ? &*start_ : nullptr, tokens_per_param);
    if (!strategy.from.empty()) {
      const RunPlace from = source_of(place, *spec_.strategy(strategy.from));
      run.parent = base_checkpoint(spec_, strategy, place.base, plan_, runs_of_.at(from));
      PlannedRun& base = plan_.runs[run.parent->run];
      run.recipe.parent_step = run.parent->step;
      if (is_end(base, *run.parent)) {
        run.recipe.parent_key = base.row.key;
      } else {
        // The same weights whatever the trunk's length: a longer one leaves the keys as they are.
        run.recipe.parent_key = trainer::trajectory_key(base.recipe);
        if (std::find(base.publish_steps.begin(), base.publish_steps.end(), run.parent->step) ==
            base.publish_steps.end())
          base.publish_steps.push_back(run.parent->step);
      }
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
    run.gpus = gpus_of_run(spec_.launch, run.recipe,
                           static_cast<double>(ladder_[place.size].params_budget));
    // Replay, base and seed only where they tell runs apart.
    run.name = fmt::format("{}{}{} {} {}{}", strategy.name,
                           strategy.replay.size() > 1 ? fmt::format("+{:g}", place.replay) : "",
                           bases(strategy).size() > 1 ? fmt::format("@{:g}", *place.base) : "",
                           ladder_[place.size].name, budget.label,
                           spec_.seeds_of(ladder_[place.size].name).size() > 1
                               ? fmt::format(" seed{}", place.seed)
                               : "");
    if (setting_.searched)
      run.name += fmt::format(" lr x{:g} batch x{:g}", setting_.rate, setting_.batch);
    fill_row(run, place, strategy);
    if (corpus_) run.row.valid_seen_share = valid_seen_share(plan_.runs, run, *corpus_);
    plan_.runs.push_back(std::move(run));
    return plan_.runs.size() - 1;
  }

  void fill_row(PlannedRun& run, const RunPlace& place, const StrategySpec& strategy) const {
    const trainer::Recipe& recipe = run.recipe;
    trainer::ParameterCount count = trainer::count_parameters(recipe.model);
    db::RunRow& row = run.row;
    row.name = run.name;
    row.recipe = trainer::recipe_text(recipe);
    row.key = trainer::key_of(row.recipe);
    row.strategy = strategy.name;
    row.language = strategy.language;
    if (run.parent) fill_base(row, place, plan_.runs[run.parent->run], *run.parent);
    if (const std::string source = recipes_.source_language(strategy); !source.empty())
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

  // What the continued model had been trained on: by its run, and by what that one continued.
  static void fill_base(db::RunRow& row, const RunPlace& place, const PlannedRun& parent,
                        const StartPoint& start) {
    row.parent_key = parent.row.key;
    row.tokens_base =
        start.step * parent.recipe.batch_tokens() + parent.row.tokens_base.value_or(0);
    row.base_tokens_per_param = place.base.value_or(parent.tokens_per_param);
    row.base_phase = is_end(parent, start) ? "end" : "stable";
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
  const RunRecipes recipes_;
  Plan plan_;
  std::map<RunPlace, std::vector<size_t>> runs_of_;  // the largest budget first
  RunSetting setting_;
  size_t left_out_ = 0, without_source_ = 0;
  std::string first_left_out_;
  std::optional<StartModel> start_;  // of the strategy and size at work
};

}  // namespace

Plan make_plan(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
               const trainer::Corpus* corpus) {
  return Planner(spec, ladder, corpus).plan();
}

}  // namespace crosslaw::sweep
