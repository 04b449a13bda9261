// Base budgets: which checkpoint of the source is continued, what that is called, what it costs.
#include "sweep/plan/base_checkpoints.h"

#include "sweep/plan/base_cost.h"
#include "sweep/plan/plan.h"

#include <cmath>
#include <map>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"
#include "trainer/recipe/learning_rate.h"

namespace crosslaw::sweep {
namespace {

// The small sweep with this line of its continued strategy, these budgets of its source.
Plan plan_with(const std::string& from, const std::string& source_budgets = "[4]",
               const std::string& schedule = "wsd") {
  tests::SmallSweep sweep;
  std::string text = tests::SmallSweep::spec_text();
  const auto replace = [&](const std::string& a, const std::string& b) {
    text.replace(text.find(a), a.size(), b);
  };
  // Texts of one place, for without a corpus keys go by where it lies.
  for (const char* file : {"en.train", "en.valid", "fr.train", "fr.valid"})
    replace(std::string("\"") + file, std::string("\"/texts/") + file);
  replace("from = \"source\"", from);
  replace("tokens_per_param = [4]", "tokens_per_param = " + source_budgets);
  replace("\"wsd\"", "\"" + schedule + "\"");
  const SweepSpec spec = read_spec(sweep.folder.write("bases.toml", text));
  return make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
}

std::string refusal_of(const std::string& from, const std::string& source_budgets = "[4]",
                       const std::string& schedule = "wsd") {
  return tests::message_of([&] { plan_with(from, source_budgets, schedule); });
}

std::vector<const PlannedRun*> continued(const Plan& plan) {
  std::vector<const PlannedRun*> out;
  for (const PlannedRun& run : plan.runs)
    if (run.row.strategy == "continued") out.push_back(&run);
  return out;
}

const std::string kThree = "from = \"source\"\nfrom_tokens_per_param = [1, 2, 3]";

}  // namespace

TEST_CASE("one trunk of the source gives the bases of the grid N x D1 x D2 by its checkpoints") {
  const Plan plan = plan_with(kThree);
  REQUIRE(plan.runs.size() == 3 + 3 * 2 + 3 * 3 * 2);
  std::set<std::string> names, keys;
  std::map<std::string, std::set<double>> bases_of_size;
  for (const PlannedRun* run : continued(plan)) {
    INFO(run->name);
    const PlannedRun& source = plan.runs[run->parent->run];
    CHECK(source.row.strategy == "source");
    CHECK(source.row.size == run->row.size);
    CHECK(run->row.parent_key == source.row.key);
    CHECK(run->row.base_phase == "stable");
    // Counted by hand: so many tokens a parameter, in whole steps.
    const double base = *run->row.base_tokens_per_param;
    CHECK(run->parent->step ==
          std::llround(base * static_cast<double>(run->row.params_budget) / 256));
    CHECK(run->row.tokens_base == run->parent->step * 256);
    CHECK(trainer::learning_rate(source.recipe.schedule, run->parent->step) ==
          source.recipe.schedule.peak_learning_rate);
    CHECK(std::count(source.publish_steps.begin(), source.publish_steps.end(), run->parent->step) ==
          1);
    CHECK_THAT(run->name, has_text("continued@" + std::to_string(static_cast<int>(base)) + " "));
    names.insert(run->name), keys.insert(run->row.key);
    bases_of_size[run->row.size].insert(base);
  }
  CHECK(names.size() == 18);
  CHECK(keys.size() == 18);
  for (const auto& [size, bases] : bases_of_size) CHECK(bases == std::set<double>{1, 2, 3});
  CHECK(plan.warnings.empty());
}

TEST_CASE("a longer trunk of the source leaves the keys of what continued its checkpoints") {
  const auto keys = [](const Plan& plan) {
    std::set<std::string> out;
    for (const PlannedRun* run : continued(plan)) out.insert(run->row.key);
    return out;
  };
  const std::string stable = kThree + "\nfrom_phase = \"stable\"";
  CHECK(keys(plan_with(stable)) == keys(plan_with(stable, "[4, 8]")));
  // Without a named base it is the end that is continued, and that is another one.
  CHECK(keys(plan_with("from = \"source\"")) != keys(plan_with("from = \"source\"", "[8]")));
}

TEST_CASE("where the source has runs of just these budgets, their ends are continued") {
  for (const char* schedule : {"wsd", "cosine"}) {
    const Plan plan =
        plan_with("from = \"source\"\nfrom_tokens_per_param = [4, 2]", "[2, 4]", schedule);
    for (const PlannedRun* run : tests::some(continued(plan))) {
      const PlannedRun& source = plan.runs[run->parent->run];
      CHECK(source.tokens_per_param == run->row.base_tokens_per_param);
      CHECK(is_end(source, *run->parent));
      CHECK(run->recipe.parent_key == source.row.key);
      CHECK(run->row.base_phase == "end");
      CHECK(run->row.tokens_base == source.row.tokens_target);
    }
    CHECK(plan.warnings.empty());
  }
  // On request the trunk's checkpoint instead, which has not cooled down.
  const Plan stable = plan_with(
      "from = \"source\"\nfrom_tokens_per_param = [2]\nfrom_phase = \"stable\"", "[2, 4]");
  for (const PlannedRun* run : tests::some(continued(stable)))
    CHECK(run->row.base_phase == "stable");
}

TEST_CASE("source@2 is the source after two tokens a parameter") {
  const Plan plan = plan_with("from = \"source@2\"");
  REQUIRE(continued(plan).size() == 6);
  for (const PlannedRun* run : continued(plan)) {
    CHECK(run->row.base_tokens_per_param == 2.0);
    // One base needs no name of its own.
    CHECK_THAT(run->name, !has_text("@"));
  }
}

TEST_CASE("without a named base the record says what was continued all the same") {
  const Plan plan = plan_with("from = \"source\"");
  for (const PlannedRun* run : tests::some(continued(plan))) {
    CHECK(run->row.base_tokens_per_param == 4.0);
    CHECK(run->row.base_phase == "end");
  }
  for (const PlannedRun& run : plan.runs) {
    if (run.row.strategy != "continued") CHECK_FALSE(run.row.tokens_base);
  }
}

TEST_CASE("cooled and uncooled models in one series are warned of") {
  const Plan plan = plan_with("from = \"source\"\nfrom_tokens_per_param = [1, 4]");
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], has_text("strategy continued: the models of 4 tokens a parameter "
                                        "have cooled down, those of 1 have not"));
}

TEST_CASE("a base that no checkpoint can be is refused with those that can") {
  CHECK_THAT(
      refusal_of("from = \"source\"\nfrom_tokens_per_param = [3.7]"),
      has_text("from_tokens_per_param = 3.7: source s is at a constant learning rate from ") &&
          has_text("give source the budget tokens_per_param = 4.5"));
  CHECK_THAT(refusal_of("from = \"source@2\"", "[4]", "cosine"),
             has_text("on its way to another the cosine has not come down"));
  CHECK_THAT(refusal_of("from = \"source@3\"\nfrom_phase = \"end\"", "[2, 4]"),
             has_text("from_tokens_per_param = 3: source has no such budget; it has 4, 2"));
  CHECK_THAT(refusal_of("from = \"source@0\""), has_text("a positive number of tokens"));
  CHECK_THAT(refusal_of("from = \"source@2\"\nfrom_tokens_per_param = [1]"),
             has_text("from_tokens_per_param: must be left out where"));
  CHECK_THAT(refusal_of("from_tokens_per_param = [1]"),
             has_text("from_tokens_per_param: must be left out without from"));
  CHECK_THAT(refusal_of("from = \"source\"\nfrom_phase = \"stable\""),
             has_text("from_phase: must be left out without from_tokens_per_param"));
  CHECK_THAT(refusal_of("from = \"source\"\nfrom_phase = \"warm\""),
             has_text("auto, end or stable, found warm"));
}

TEST_CASE("what base budgets cost is what the same sweep without them does not") {
  tests::SmallSweep sweep;
  sweep.edit("from = \"source\"", kThree);
  const SweepSpec spec = read_spec(sweep.spec);
  const auto ladder = read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
  const Plan plan = make_plan(spec, ladder, nullptr);
  const auto cost = cost_of_bases(spec, ladder, plan);
  REQUIRE(cost);
  CHECK(cost->runs == 2 * 6);
  // Counted a second time: of each continued run two more, of the source no step.
  double flops = 0;
  const Plan plain = plan_with("from = \"source\"");
  for (const PlannedRun* run : continued(plain)) flops += 2 * run->flops_to_train();
  CHECK(cost->flops_to_train == Approx(flops));
  CHECK(cost->checkpoint_bytes > 0);
  CHECK_FALSE(cost_of_bases(read_spec("sweep/presets/demo.toml"), {}, {}));
}

}  // namespace crosslaw::sweep
