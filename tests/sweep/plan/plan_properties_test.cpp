// What holds for every plan, counted a second time from the spec and from what the trainer will do.
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "sweep/plan/plan.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"
#include "tests/support/sweep_world.h"
#include "trainer/recipe/batch_order.h"
#include "trainer/recipe/learning_rate.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

using tests::message_of;

struct Planned {
  SweepSpec spec;
  std::vector<ModelSize> ladder;
  Plan plan;
};

Planned planned(const tests::SmallSweep& sweep, const std::string& text) {
  Planned p;
  p.spec = read_spec(sweep.folder.write("small.toml", text));
  p.ladder = read_ladder(p.spec.ladder, p.spec.vocabulary, p.spec.tied_head);
  p.plan = make_plan(p.spec, p.ladder, nullptr);
  return p;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// A spec with drawn budgets, schedule, replay, seeds, tiers and warm-up.
std::string drawn_spec(std::mt19937& draw) {
  auto one_of = [&](const std::vector<std::string>& options) {
    return options[draw() % options.size()];
  };
  std::string text = tests::SmallSweep::spec_text();
  text =
      replaced(text, "[2, 4]", one_of({"[2, 4]", "[8]", "[5.5, 2, 11]", "[3, 3, 6]", "[20, 1]"}));
  text = replaced(text, "\"wsd\"",
                  one_of({"\"wsd\"", "\"cosine\"", "\"wsd\"\ncooldown_fraction = 0.5"}));
  text =
      replaced(text, "warmup_steps_max = 10",
               one_of({"warmup_steps_max = 10", "warmup_fraction = 0.3", "warmup_fraction = 0"}));
  text = replaced(text, "evaluations = 3", "evaluations = " + std::to_string(draw() % 20));
  text = replaced(text, "batch_tokens = 256",
                  one_of({"batch_tokens = 256", "batch_tokens = 64",
                          "batch_tokens = [{below_params = 2800, tokens = 64}, {tokens = 512}]"}));
  text = replaced(text, "from = \"source\"",
                  one_of({"from = \"source\"", "from = \"source\"\nreplay = [0.0, 0.25]",
                          "from = \"source\"\nreplay = [0.3]\nevery = 2"}));
  return one_of({"", "seeds = [1, 2, 7]\n"}) + text;
}

}  // namespace

TEST_CASE("of any spec the plan is a DAG in order whose numbers follow from its recipes") {
  tests::SmallSweep sweep;
  std::mt19937 draw(7);
  for (int turn = 0; turn < 60; ++turn) {
    std::string text = drawn_spec(draw);
    INFO(text);
    Planned p = planned(sweep, text);
    std::set<std::string> names, keys;
    size_t expected = 0;
    for (const StrategySpec& strategy : p.spec.strategies) {
      size_t sizes = (p.ladder.size() - 1) / static_cast<size_t>(strategy.every) + 1;
      size_t budgets = strategy.tokens_per_param.empty() ? p.spec.tokens_per_param.size()
                                                         : strategy.tokens_per_param.size();
      expected += sizes * budgets * strategy.replay.size() * p.spec.seeds.size();
    }
    REQUIRE(p.plan.runs.size() == expected);
    for (size_t i = 0; i < p.plan.runs.size(); ++i) {
      const PlannedRun& run = p.plan.runs[i];
      const trainer::Recipe& r = run.recipe;
      INFO(run.name);
      REQUIRE(trainer::complaints(r).empty());
      REQUIRE(names.insert(run.name).second);
      REQUIRE(keys.insert(run.row.key).second);
      REQUIRE(run.row.key == trainer::run_key(r));
      REQUIRE(run.row.steps == r.schedule.steps);
      REQUIRE(run.row.tokens_target + run.row.tokens_source == run.row.steps * r.batch_tokens());
      REQUIRE(run.flops_6nd() == 6.0 * static_cast<double>(run.row.params_budget) *
                                     static_cast<double>(run.row.steps * r.batch_tokens()));
      REQUIRE(run.steps_to_train() >= 1);
      REQUIRE(run.flops_to_train() <= run.row.flops);
      for (int64_t step : run.evaluation_steps) {
        // Before its first step only a model that knows something is measured.
        REQUIRE(step >= (run.parent ? 0 : 1));
        REQUIRE(step < run.row.steps);
      }
      if (run.parent) {
        const PlannedRun& parent = p.plan.runs[run.parent->run];
        REQUIRE(run.parent->run < i);
        REQUIRE(r.parent_key == parent.row.key);
        REQUIRE(run.parent->step == parent.row.steps);
        REQUIRE(parent.row.seed == run.row.seed);
        REQUIRE(parent.row.language == run.row.source_language);
      }
      if (run.trunk) {
        const PlannedRun& trunk = p.plan.runs[run.trunk->run];
        REQUIRE(run.trunk->run < i);
        REQUIRE_FALSE(trunk.trunk);
        REQUIRE(trainer::trajectory_key(trunk.recipe) == trainer::trajectory_key(r));
        for (int64_t step = 0; step < run.trunk->step; ++step) {
          REQUIRE(trainer::learning_rate(trunk.recipe.schedule, step) ==
                  trainer::learning_rate(r.schedule, step));
        }
        const auto& published = trunk.publish_steps;
        REQUIRE(std::find(published.begin(), published.end(), run.trunk->step) != published.end());
      }
    }
  }
}

TEST_CASE("planned source tokens are what the trainer's order gives, to within one sequence") {
  tests::SmallSweep sweep;
  Planned p = planned(sweep, replaced(tests::SmallSweep::spec_text(), "from = \"source\"",
                                      "from = \"source\"\nreplay = [0.0, 0.1, 0.37, 0.9]"));
  int64_t replayed = 0;
  for (const PlannedRun& run : p.plan.runs) {
    const trainer::Recipe& r = run.recipe;
    std::vector<trainer::WindowedLanguage> languages;
    for (const trainer::MixturePart& part : r.mixture)
      languages.push_back({part.language, part.share, 50});
    trainer::BatchOrder order(languages, r.batch_sequences, r.seed);
    int64_t sequences = run.row.steps * r.batch_sequences;
    int64_t target = order.count(0, sequences) * r.context_tokens;
    CHECK(std::abs(target - run.row.tokens_target) <= r.context_tokens);
    replayed += run.row.replay > 0;
  }
  CHECK(replayed == 3 * 2 * 3);
}

TEST_CASE(
    "a size takes the batch of the first tier it is below, and the bound is not below itself") {
  tests::SmallSweep sweep;
  sweep.folder.write("ladder.csv",
                     "name,hidden,ffn,heads,layers,nominal_params\n"
                     "a,8,16,2,1,999\nb,8,16,2,1,1000\nc,8,16,2,1,1999\nd,8,16,2,1,2000\n");
  Planned p = planned(sweep, replaced(tests::SmallSweep::spec_text(), "batch_tokens = 256",
                                      "batch_tokens = [{below_params = 1000, tokens = 32}, "
                                      "{below_params = 2000, tokens = 64}, {tokens = 128}]"));
  std::map<std::string, int64_t> batch;
  for (const PlannedRun& run : p.plan.runs) batch[run.row.size] = run.recipe.batch_tokens();
  CHECK(batch == std::map<std::string, int64_t>{{"a", 32}, {"b", 64}, {"c", 64}, {"d", 128}});
}

TEST_CASE("learning rates, warm-up and cooldown are those that the spec asks for") {
  tests::SmallSweep sweep;
  Planned p = planned(sweep, replaced(tests::SmallSweep::spec_text(), "warmup_steps_max = 10",
                                      "warmup_fraction = 0.25\nwarmup_steps_min = 3"));
  for (const PlannedRun& run : p.plan.runs) {
    const trainer::Schedule& s = run.recipe.schedule;
    auto hidden = static_cast<double>(run.recipe.model.hidden);
    CHECK(s.peak_learning_rate == 0.2 / hidden);
    CHECK(s.cooldown_steps ==
          std::max<int64_t>(1, std::llround(0.2 * static_cast<double>(s.steps))));
    // All budgets of a strategy warm up alike, as its smallest one does: they share a trajectory.
    int64_t smallest = INT64_MAX;
    for (const PlannedRun& other : p.plan.runs) {
      if (other.row.strategy == run.row.strategy && other.row.size == run.row.size)
        smallest = std::min(smallest, other.row.steps);
    }
    CHECK(s.warmup_steps ==
          std::max<int64_t>(3, std::llround(0.25 * static_cast<double>(smallest))));
  }
}

TEST_CASE(
    "disk: 4 bytes a weight at the end, 12 for every checkpoint that another run starts from") {
  tests::SmallSweep sweep;
  Planned p = planned(sweep, replaced(tests::SmallSweep::spec_text(), "[2, 4]", "[2, 4, 8]"));
  for (const PlannedRun& run : p.plan.runs) {
    auto params = static_cast<double>(trainer::count_parameters(run.recipe.model).total());
    auto branches = static_cast<double>(run.publish_steps.size());
    CHECK(run.checkpoint_bytes() == params * (4 + 12 * branches));
    if (run.row.strategy != "source") CHECK(branches == (run.tokens_per_param == 8 ? 2 : 0));
  }
}

TEST_CASE("the same training twice is refused by both names, repeated text is warned of") {
  CHECK_THAT(
      message_of([] { tests::SweepWorld("name = \"small\"", "name = \"small\"\nseeds = [1, 1]"); }),
      has_text("are the same training; remove one"));
  CHECK_THAT(message_of([] {
               tests::SweepWorld("name = \"scratch\"\nlanguage = \"fr\"",
                                 "name = \"scratch\"\nlanguage = \"fr\"\n[[strategy]]\n"
                                 "name = \"again\"\nlanguage = \"fr\"");
             }),
             has_text("\"scratch s 4tpp\" and \"again s 4tpp\" are the same training"));
  tests::SweepWorld modest, greedy("[2, 4]", "[2, 4000]");
  CHECK(modest.plan.warnings.empty());
  REQUIRE(greedy.plan.warnings.size() == 1);
  CHECK_THAT(greedy.plan.warnings[0],
             has_text("fr: the largest budget passes ") && has_text(" times over the text"));
  // The number of passes, counted by hand.
  double tokens = 0;
  for (const PlannedRun& run : greedy.plan.runs) {
    if (run.row.language == "fr")
      tokens = std::max(tokens, static_cast<double>(run.row.tokens_target));
  }
  double passes = tokens / static_cast<double>(greedy.corpus.language("fr").train.tokens);
  CHECK(std::stod(greedy.plan.warnings[0].substr(
            std::string("fr: the largest budget passes ").size())) == Approx(passes).margin(0.05));
}

}  // namespace crosslaw::sweep
