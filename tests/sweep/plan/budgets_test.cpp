#include "sweep/plan/budgets.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "sweep/plan/plan.h"
#include "sweep/spec/spec_error.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

struct EditedSweep {
  tests::SmallSweep sweep;
  SweepSpec spec;

  explicit EditedSweep(const std::string& budget) {
    sweep.edit("tokens_per_param = [2, 4]", budget);
    spec = read_spec(sweep.spec);
  }
  Plan plan() const {
    return make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  }
};

std::string budget_refusal(const std::string& budget) {
  return tests::message_of([&] { EditedSweep{budget}; });
}

}  // namespace

TEST_CASE("a budget of FLOPs gives every size the tokens that cost as much") {
  const Plan plan = EditedSweep("flops = [3e8, 1e9]").plan();
  std::set<std::string> names;
  int grid = 0;
  for (const PlannedRun& run : tests::some(plan.runs)) {
    CHECK(names.insert(run.name).second);
    if (run.row.strategy == "source") continue;  // has tokens_per_param of its own
    ++grid;
    const double flops = run.name.ends_with("3e+08C") ? 3e8 : 1e9;
    // Whole batches: half of one is the most that is missing or too much.
    const double batch = 6.0 * static_cast<double>(run.row.params_budget) * 256;
    CHECK(std::abs(run.flops_6nd() - flops) <= 0.5 * batch * (1 + 1e-9));
  }
  CHECK(grid == 2 * 3 * 2);  // scratch and continued, three sizes, two budgets
}

TEST_CASE("a budget that no run can have is told by the key that the spec has") {
  const auto refusal = [](const char* budget) {
    return tests::message_of([&] { EditedSweep(budget).plan(); });
  };
  CHECK_THAT(refusal("flops = [1e30]"), has_text("budget.flops, ") && has_text("at most"));
  CHECK_THAT(refusal("tokens = [1e17]"), has_text("budget.tokens, ") && has_text("at most"));
  CHECK_THAT(refusal("tokens_per_param = [1e14]"), has_text("budget.tokens_per_param = 1e+14"));
  CHECK_THAT(refusal("tokens_per_param = [1e-6]"), has_text("less than one batch"));
}

TEST_CASE("exact FLOPs count attention and the head") {
  const Plan plan = EditedSweep("flops = [1e9]\ncount_flops = \"exact\"").plan();
  for (const PlannedRun& run : tests::some(plan.runs)) {
    if (run.row.strategy == "source") continue;
    const double batch = run.row.flops / static_cast<double>(run.row.steps);
    CHECK(std::abs(run.row.flops - 1e9) <= 0.5 * batch * (1 + 1e-9));
  }
}

TEST_CASE("replayed tokens are paid from the FLOPs") {
  EditedSweep edited("flops = [1e9]");
  const ModelSize size = read_ladder(edited.spec.ladder, 256, true).front();
  StrategySpec strategy;
  const BudgetCells plain = budget_cells(edited.spec, strategy, size, 0, 256);
  const BudgetCells replayed = budget_cells(edited.spec, strategy, size, 0.25, 256);
  CHECK(replayed.kept.front().tokens_per_param ==
        Approx(0.75 * plain.kept.front().tokens_per_param));
}

TEST_CASE("a budget of tokens is the same for every size") {
  const Plan plan = EditedSweep("tokens = [2560, 25600]").plan();
  std::map<int64_t, int> runs;
  for (const PlannedRun& run : tests::some(plan.runs))
    if (run.row.strategy == "scratch") ++runs[run.row.tokens_target];
  CHECK(runs == std::map<int64_t, int>{{2560, 3}, {25600, 3}});
}

TEST_CASE("cells without sense are left out and counted") {
  const Plan all = EditedSweep("tokens = [2560, 25600]").plan();
  std::size_t outside = 0;
  double low = 1e300, high = 0;
  for (const PlannedRun& run : all.runs) {
    if (run.row.strategy == "source") continue;
    low = std::min(low, run.tokens_per_param), high = std::max(high, run.tokens_per_param);
  }
  const double middle = std::sqrt(low * high);
  for (const PlannedRun& run : all.runs)
    outside += run.row.strategy != "source" && run.tokens_per_param > middle;
  REQUIRE(outside > 0);
  const Plan some = EditedSweep("tokens = [2560, 25600]\ntokens_per_param_range = [0, " +
                                std::to_string(middle) + "]")
                        .plan();
  CHECK(some.runs.size() == all.runs.size() - outside);
  REQUIRE(some.warnings.size() == 1);
  CHECK_THAT(some.warnings[0], has_text(std::to_string(outside) + " runs are left out"));
}

TEST_CASE("less than a batch of FLOPs trains nothing, and a plan of nothing is refused") {
  EditedSweep edited("flops = [10.0]");
  for (StrategySpec& strategy : edited.spec.strategies) strategy.tokens_per_param.clear();
  CHECK_THAT(tests::message_of([&] { edited.plan(); }), has_text("no size has a budget"));
}

TEST_CASE("a budget says what it counts in one way") {
  CHECK_THAT(budget_refusal("flops = [1e9]\ntokens = [1e6]"),
             has_text("left out beside budget.tokens"));
  CHECK_THAT(budget_refusal("tokens = [1e6]\ncount_flops = \"exact\""), has_text("count_flops"));
  CHECK_THAT(budget_refusal("flops = [1e9]\ncount_flops = \"some\""), has_text("6nd or exact"));
  CHECK_THAT(budget_refusal("flops = [1e9]\ntokens_per_param_range = [20]"),
             has_text("two rising"));
  CHECK_THAT(budget_refusal("tokens_per_param = [1]\ntokens_per_param_range = [1, 2]"),
             has_text("tokens_per_param_range"));
  CHECK_THAT(budget_refusal("flops = [-1.0]"), has_text("positive"));
  CHECK_THAT(budget_refusal(""), has_text("tokens_per_param"));
}

TEST_CASE("a resolved spec keeps its budgets") {
  const EditedSweep edited("flops = [3e8, 1e9]\ntokens_per_param_range = [1, 200]");
  const auto file = edited.sweep.folder.write("again.toml", to_toml(edited.spec));
  const SweepSpec again = read_spec(file);
  CHECK(again.budget_flops == edited.spec.budget_flops);
  CHECK(again.most_tokens_per_param == 200);
  CHECK(to_toml(again) == to_toml(edited.spec));
  const EditedSweep open("tokens = [1e5]");
  CHECK(read_spec(open.sweep.folder.write("open.toml", to_toml(open.spec))).most_tokens_per_param ==
        std::numeric_limits<double>::infinity());
}

}  // namespace crosslaw::sweep
