#include "sweep/plan/learning_rates.h"

#include <cmath>
#include <set>
#include <tuple>

#include "sweep/plan/plan.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::sweep {
namespace {

Plan plan_after(const std::string& from, const std::string& to) {
  tests::SmallSweep sweep;
  sweep.edit(from, to);
  const SweepSpec spec = read_spec(sweep.spec);
  // Written out it is the same spec.
  CHECK(to_toml(read_spec(sweep.folder.write("again.toml", to_toml(spec)))) == to_toml(spec));
  return make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
}

std::string refusal(const std::string& to) {
  return tests::message_of([&] { plan_after("learning_rate_times_hidden = 0.2", to); });
}

}  // namespace

// A LLaMA of 1.1e9 parameters without embeddings, 20 tokens a parameter: the table of the paper's
// rule (arXiv:2503.04715) as the design's notes print it, to their two digits.
TEST_CASE("StepLaw's rates at 20 tokens a parameter are the printed ones") {
  for (auto [params, rate] :
       {std::pair{40e6, 3.7e-3}, {125e6, 2.3e-3}, {350e6, 1.5e-3}, {1e9, 1.0e-3}, {3e9, 6.4e-4}}) {
    TrainingSpec train;
    train.rate_rule = RateRule::kStepLaw;
    // One layer whose matrices have about so many numbers.
    trainer::ModelShape shape{256, 1024, 0, 8, 1, true};
    shape.ffn = static_cast<int64_t>((params - 4.0 * 1024 * 1024) / (3.0 * 1024));
    const auto steps = static_cast<int64_t>(20 * params / 65536);
    CHECK(peak_learning_rate(train, shape, 65536, steps) == Approx(rate).epsilon(0.02));
    train.learning_rate_factor = 0.5;
    CHECK(peak_learning_rate(train, shape, 65536, steps) == Approx(rate / 2).epsilon(0.02));
  }
}

TEST_CASE("the horizon rule is its reference there, rises as sqrt B and falls as T^0.3") {
  TrainingSpec train;
  train.rate_rule = RateRule::kHorizon;
  train.peak_learning_rate = 0.01, train.reference_batch_tokens = 512;
  train.reference_tokens = 512 * 1000;
  const trainer::ModelShape shape{256, 12, 24, 2, 1, true};
  CHECK(peak_learning_rate(train, shape, 512, 1000) == Approx(0.01));
  CHECK(peak_learning_rate(train, shape, 2048, 250) == Approx(0.02));
  CHECK(peak_learning_rate(train, shape, 512, 10'000) == Approx(0.01 * std::pow(0.1, 0.3)));
}

TEST_CASE("where the rate follows from the budget, budgets share no trunk") {
  const Plan plan = plan_after("learning_rate_times_hidden = 0.2",
                               "learning_rate_rule = \"horizon\"\npeak_learning_rate = 0.02\n"
                               "reference_batch_tokens = 256\nreference_tokens = 1e4");
  std::set<double> rates;
  for (const PlannedRun& run : plan.runs) {
    CHECK_FALSE(run.trunk);
    rates.insert(run.recipe.schedule.peak_learning_rate);
  }
  CHECK(rates.size() == 6);  // three sizes at two budgets
}

TEST_CASE("each rule takes its own numbers and refuses those of others") {
  CHECK_THAT(refusal("learning_rate_rule = \"step-law\"\npeak_learning_rate = 0.1"),
             has_text("peak_learning_rate: must be left out with learning_rate_rule = "
                      "\"step-law\""));
  CHECK_THAT(refusal("learning_rate_rule = \"horizon\"\npeak_learning_rate = 0.1"),
             has_text("reference_batch_tokens: must be a positive number"));
  CHECK_THAT(refusal("peak_learning_rate = 0.1\nreference_tokens = 5"),
             has_text("reference_tokens: must be left out without learning_rate_rule"));
  CHECK_THAT(refusal("learning_rate_rule = \"chinchilla\""),
             has_text("constant, over-hidden, step-law or horizon, found chinchilla"));
  CHECK_THAT(refusal("peak_learning_rate = 0.1\noptimizer = \"adamh\""),
             has_text("adam_learning_rate: must be positive with optimizer = \"adamh\""));
  CHECK_THAT(refusal("peak_learning_rate = 0.1\noptimizer = \"sgd\""),
             has_text("adamw, adamh or muon, found sgd"));
}

TEST_CASE("optimizer and schedule of the spec are those of every recipe") {
  const Plan plan =
      plan_after("schedule = \"wsd\"\nlearning_rate_times_hidden = 0.2",
                 "schedule = \"wsd-linear\"\npeak_learning_rate = 0.02\noptimizer = \"adamh\"\n"
                 "adam_learning_rate = 6e-4");
  for (const PlannedRun& run : tests::some(plan.runs)) {
    CHECK(run.recipe.schedule.cooldown == trainer::Cooldown::kLinear);
    CHECK(run.recipe.optimizer.kind == trainer::OptimizerKind::kAdamH);
    CHECK(run.recipe.optimizer.adam_learning_rate == 6e-4);
  }
}

TEST_CASE("a search trains other settings of its sizes at one budget, marked as such") {
  const Plan plan = plan_after("[[strategy]]",
                               "[train.search]\nsizes = [\"m\"]\nrate_factors = [0.5, 1, 2]\n"
                               "batch_factors = [0.5, 1]\n[[strategy]]");
  REQUIRE(plan.runs.size() == 15 + 2 * 5);  // of the source and of French from scratch
  std::set<std::tuple<std::string, double, int64_t>> settings;
  std::set<std::string> keys;
  for (const PlannedRun& run : plan.runs) {
    keys.insert(run.row.strategy + run.row.key);
    if (!run.row.search) continue;
    CHECK(run.row.size == "m");
    CHECK(run.tokens_per_param == 4);
    CHECK_FALSE(run.trunk);
    CHECK_FALSE(run.parent);
    settings.insert({run.row.strategy, run.recipe.schedule.peak_learning_rate / (0.2 / 12),
                     run.recipe.batch_tokens()});
    CHECK(static_cast<double>(run.row.tokens_target) ==
          Approx(4.0 * static_cast<double>(run.row.params_budget)).margin(256));
  }
  CHECK(settings.size() == 10);
  CHECK(settings.contains({"scratch", 2.0, 128}));
  CHECK_FALSE(settings.contains({"scratch", 1.0, 256}));
  const auto refused = [](const std::string& search) {
    return tests::message_of(
        [&] { plan_after("[[strategy]]", "[train.search]\n" + search + "\n[[strategy]]"); });
  };
  CHECK_THAT(refused("sizes = [\"x\"]"), has_text("has no size x"));
  CHECK_THAT(refused("sizes = [\"m\"]\nstrategies = [\"x\"]"), has_text("no strategy x"));
  CHECK_THAT(refused("sizes = [\"m\"]\nbatch_factors = [0.3]"), has_text("must be a multiple of"));
}

TEST_CASE(
    "some sizes are trained with more seeds, whose children continue the same seed's parent") {
  const Plan plan =
      plan_after("name = \"small\"", "name = \"small\"\nseeds = [{sizes = [\"m\"], count = 3}]");
  std::map<std::string, std::set<int64_t>> seeds;
  for (const PlannedRun& run : plan.runs) {
    seeds[run.row.size].insert(run.row.seed);
    if (run.parent) CHECK(plan.runs[run.parent->run].row.seed == run.row.seed);
    CHECK((run.name.find("seed") != std::string::npos) == (run.row.size == "m"));
  }
  CHECK(seeds ==
        std::map<std::string, std::set<int64_t>>{{"s", {1}}, {"m", {1, 2, 3}}, {"l", {1}}});
  CHECK(plan.runs.size() == 15 + 2 * 5);
  const auto refused = [](const std::string& entry) {
    return tests::message_of(
        [&] { plan_after("name = \"small\"", "name = \"small\"\nseeds = [" + entry + "]"); });
  };
  CHECK_THAT(refused("{sizes = [\"x\"], count = 2}"), has_text("has no size x"));
  CHECK_THAT(refused("{sizes = [\"m\"]}"), has_text("count: must be there, or else seeds"));
  CHECK_THAT(refused("{sizes = [\"m\"], count = 0}"), has_text("between 1 and 1000"));
  CHECK_THAT(refused("{sizes = [\"m\", \"m\"], count = 2}"), has_text("m is there twice"));
  CHECK_THAT(refused("{count = 2}, {seeds = [4]}"), has_text("two entries would be of all other"));
}

}  // namespace crosslaw::sweep
