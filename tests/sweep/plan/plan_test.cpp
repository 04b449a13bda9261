#include "sweep/plan/plan.h"

#include <map>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"
#include "trainer/recipe/learning_rate.h"

namespace crosslaw::sweep {
namespace {

Plan plan_of(const std::filesystem::path& file, const trainer::Corpus* corpus = nullptr) {
  SweepSpec spec = read_spec(file);
  return make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), corpus);
}

Plan small_plan(const std::string& from = "name", const std::string& to = "name") {
  tests::SmallSweep sweep;
  sweep.edit(from, to);
  return plan_of(sweep.spec);
}

}  // namespace

// arXiv:2407.02118: 40 sizes, three sets, 20 tokens a parameter; 2.9e17 to 3.7e21 FLOPs a run.
TEST_CASE("the paper's sweep is 120 runs of 5.1e22 FLOPs") {
  Plan plan = plan_of("sweep/presets/paper.toml");
  REQUIRE(plan.runs.size() == 120);
  double total = 0, smallest = 1e99, largest = 0;
  std::map<int64_t, int> batches;
  for (const PlannedRun& run : tests::some(plan.runs)) {
    total += run.flops_6nd();
    smallest = std::min(smallest, run.flops_6nd());
    largest = std::max(largest, run.flops_6nd());
    ++batches[run.recipe.batch_tokens()];
    CHECK(run.recipe.schedule.warmup_steps ==
          Approx(0.05 * static_cast<double>(run.row.steps)).margin(1));
  }
  CHECK(total == Approx(5.13e22).epsilon(0.01));
  CHECK(smallest == Approx(2.9e17).epsilon(0.01));
  CHECK(largest == Approx(3.7e21).epsilon(0.01));
  CHECK(batches.at(1048576) == 3 * 23);
  CHECK(batches.at(2097152) == 3 * 11);
  CHECK(batches.at(4194304) == 3 * 6);
}

TEST_CASE("parents come first and continued runs start at their last step") {
  Plan plan = small_plan();
  REQUIRE(plan.runs.size() == 15);
  for (size_t i = 0; i < plan.runs.size(); ++i) {
    const PlannedRun& run = plan.runs[i];
    if (run.row.strategy == "continued") {
      REQUIRE(run.parent);
      CHECK(run.parent->run < i);
      const PlannedRun& parent = plan.runs[run.parent->run];
      CHECK(parent.row.strategy == "source");
      CHECK(parent.row.size == run.row.size);
      CHECK(run.parent->step == parent.row.steps);
      CHECK(run.recipe.parent_key == parent.row.key);
      CHECK(run.row.source_language == "en");
    } else {
      CHECK_FALSE(run.parent);
    }
  }
}

TEST_CASE("smaller budgets branch off the largest one where their cooldown begins") {
  Plan plan = small_plan();
  int branches = 0;
  for (const PlannedRun& run : tests::some(plan.runs)) {
    if (!run.trunk) continue;
    ++branches;
    const PlannedRun& trunk = plan.runs[run.trunk->run];
    CHECK(run.tokens_per_param == 2);
    CHECK(trunk.tokens_per_param == 4);
    CHECK(run.trunk->step == trainer::shared_steps(run.recipe.schedule));
    CHECK(trunk.publish_steps == std::vector<int64_t>{run.trunk->step});
    CHECK(trainer::trajectory_key(run.recipe) == trainer::trajectory_key(trunk.recipe));
    CHECK(run.evaluation_steps.empty());
    CHECK(run.flops_to_train() < 0.3 * run.row.flops);
  }
  CHECK(branches == 6);
  for (const PlannedRun& run :
       tests::some(small_plan("schedule = \"wsd\"", "schedule = \"cosine\"").runs))
    CHECK_FALSE(run.trunk);
}

TEST_CASE("budgets count target tokens and replay comes on top") {
  Plan plan = small_plan("from = \"source\"", "from = \"source\"\nreplay = [0.0, 0.5]");
  for (const PlannedRun& run : tests::some(plan.runs)) {
    double budget = run.tokens_per_param * static_cast<double>(run.row.params_budget);
    CHECK(static_cast<double>(run.row.tokens_target) == Approx(budget).margin(256));
    if (run.row.replay > 0) {
      CHECK(run.row.tokens_source == Approx(budget).margin(256));
      CHECK(run.recipe.mixture.size() == 2);
      CHECK_THAT(run.name, has_text("continued+0.5"));
    }
  }
}

TEST_CASE("evaluation points are log-spaced, distinct and before the end") {
  Plan plan = plan_of("sweep/presets/paper.toml");
  const PlannedRun& run = plan.runs.front();
  REQUIRE(run.evaluation_steps.size() == 32);
  std::set<int64_t> steps(run.evaluation_steps.begin(), run.evaluation_steps.end());
  CHECK(steps.size() == 32);
  CHECK(static_cast<double>(*steps.begin()) ==
        Approx(static_cast<double>(run.row.steps) / 64).margin(0.5));
  CHECK(*steps.rbegin() < run.row.steps);
}

TEST_CASE("what a run continues is measured before its first step, once a trajectory") {
  for (const PlannedRun& run : tests::some(small_plan().runs)) {
    const bool measured = !run.evaluation_steps.empty() && run.evaluation_steps.front() == 0;
    CHECK(measured == (run.row.strategy == "continued" && !run.trunk));
  }
}

TEST_CASE("a budget more leaves the keys of what shares no steps with it") {
  auto keys = [](const Plan& plan) {
    std::set<std::string> set;
    for (const PlannedRun& run : plan.runs) set.insert(run.row.key);
    return set;
  };
  auto keeps_all = [&](const Plan& before, const Plan& after) {
    const std::set<std::string> old = keys(before), now = keys(after);
    CHECK(now.size() > old.size());
    return std::includes(now.begin(), now.end(), old.begin(), old.end());
  };
  // In one folder: without its hash a text is known by its place.
  const tests::SmallSweep sweep;
  auto with = [&](const std::string& schedule, const std::string& budgets) {
    std::string own = tests::SmallSweep::spec_text();
    own.replace(own.find("wsd"), 3, schedule);
    own.replace(own.find("[2, 4]"), 6, budgets);
    return plan_of(sweep.folder.write("own.toml", own));
  };
  CHECK(keeps_all(with("wsd", "[2, 4]"), with("wsd", "[2, 4, 8]")));
  // Cosine runs share nothing, so that a smaller budget leaves them, too.
  CHECK(keeps_all(with("cosine", "[20]"), with("cosine", "[10, 20]")));
  CHECK(keeps_all(with("cosine", "[20]"), with("cosine", "[5, 10, 20, 40]")));
}

TEST_CASE("a run warms up for a share of its steps, a trunk for one of its smallest branch's") {
  const tests::SmallSweep sweep;
  auto warmups = [&](const std::string& schedule) {
    std::string text = tests::SmallSweep::spec_text();
    text.replace(text.find("wsd"), 3, schedule);
    text.replace(text.find("[2, 4]"), 6, "[4, 16]");
    text.replace(text.find("warmup_steps_max = 10"), 21, "warmup_fraction = 0.1");
    std::map<double, int64_t> steps;
    for (const PlannedRun& run : plan_of(sweep.folder.write("own.toml", text)).runs) {
      if (run.row.strategy == "scratch" && run.row.size == "l")
        steps[run.tokens_per_param] = run.recipe.schedule.warmup_steps;
    }
    return steps;
  };
  // 16 x 32 and tied: 6,704 parameters, 26.2 batches of 256 tokens a token per parameter.
  CHECK(warmups("wsd") == std::map<double, int64_t>{{4, 11}, {16, 11}});
  CHECK(warmups("cosine") == std::map<double, int64_t>{{4, 11}, {16, 42}});
}

TEST_CASE("a strategy may take each so-manieth size, the largest included") {
  Plan plan = small_plan("from = \"source\"", "from = \"source\"\nevery = 2");
  std::set<std::string> sizes;
  for (const PlannedRun& run : plan.runs) {
    if (run.row.strategy == "continued") sizes.insert(run.row.size);
  }
  CHECK(sizes == std::set<std::string>{"s", "l"});
}

TEST_CASE("what cannot be trained is named") {
  auto message = [](const std::string& from, const std::string& to) {
    return tests::message_of([&] { small_plan(from, to); });
  };
  CHECK_THAT(message("batch_tokens = 256", "batch_tokens = 100"),
             has_text("train.batch_tokens = 100: must be a multiple of data.context = 32"));
  CHECK_THAT(message("[2, 4]", "[0.01]"), has_text("are less than one batch of 256"));
  CHECK_THAT(message("[2, 4]", "[2, 1e300]"),
             has_text("budget.tokens_per_param = 1e+300") &&
                 has_text("must be at most 9.01e+15 tokens a run"));
  CHECK_THAT(message("batch_tokens = 256", "batch_tokens = 9223372036854775776"),
             has_text("train.batch_tokens = 9223372036854775776: must be at most"));
  // Two strategies of one name's training are one training, with and without its text at hand.
  CHECK_THAT(message("[[strategy]]\nname = \"continued\"",
                     "[[strategy]]\nname = \"again\"\nlanguage = \"fr\"\n[[strategy]]\nname = "
                     "\"continued\""),
             has_text("are the same training; remove one"));
  CHECK_THAT(message("warmup_steps_max = 10", "warmup_steps_min = 500\nwarmup_steps_max = 500"),
             has_text("size s, strategy source: schedule.steps"));
}

}  // namespace crosslaw::sweep
