#include "apps/study/rate_search.h"

#include <algorithm>
#include <cmath>

#include "apps/study/observations.h"
#include "sweep/plan/plan.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::apps {
namespace {

// The small sweep with a search of two of its sizes, every run of which ended with a planted loss:
// the best rate is 0.05 N^exponent.
db::RunStore searched_store(const tests::TempFolder& folder, double exponent) {
  tests::SmallSweep files;
  files.edit("[[strategy]]",
             "[train.search]\nsizes = [\"s\", \"l\"]\nstrategies = [\"scratch\"]\n"
             "batch_factors = [0.5, 1, 2]\n[[strategy]]");
  const sweep::SweepSpec spec = sweep::read_spec(files.spec);
  const auto ladder = sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
  const sweep::Plan plan = sweep::make_plan(spec, ladder, nullptr);
  db::RunStore store = db::RunStore::create(folder / "crosslaw.db");
  std::vector<db::RunRow> rows;
  for (const sweep::PlannedRun& run : plan.runs) {
    rows.push_back(run.row);
    rows.back().key = run.row.strategy + run.row.key;  // without texts, languages look alike
  }
  store.sync_runs(rows);
  int turn = 0;
  for (const db::RunRow& run : store.runs()) {
    const auto planned = std::find_if(plan.runs.begin(), plan.runs.end(), [&](const auto& p) {
      return p.row.strategy + p.row.key == run.key;
    });
    const double best = 0.05 * std::pow(static_cast<double>(run.params_budget), exponent);
    const double u = std::log(planned->recipe.schedule.peak_learning_rate / best);
    const double v = std::log(static_cast<double>(planned->recipe.batch_tokens()) / 256);
    // A little noise, or there would be no interval.
    const double loss = 4 * std::exp(0.03 * u * u + 0.01 * v * v + 1e-4 * std::sin(++turn * 7.0));
    const int64_t id =
        store.begin_attempt({.run_id = run.id, .n = 1, .token = run.key, .folder = "x"});
    store.ingest(run.id, id,
                 {.evals = {{.language = run.language,
                             .step = run.steps,
                             .tokens_target = run.tokens_target,
                             .flops = run.flops,
                             .loss_nats = loss,
                             .end_of_schedule = true}}});
    store.end_attempt(id, {.outcome = db::Outcome::kDone, .step = run.steps}, 2);
  }
  return store;
}

}  // namespace

TEST_CASE("a search finds the planted optimum of each size and carries it to the others") {
  tests::TempFolder folder;
  const db::RunStore store = searched_store(folder, -0.1);
  const std::vector<RateSearch> searches = rate_searches(store);
  REQUIRE(searches.size() == 2);
  for (const RateSearch& search : searches) {
    const double best = 0.05 * std::pow(search.params, -0.1);
    INFO(search.size << " " << search.optimum.problem);
    CHECK(search.optimum.points == 15);  // 14 of the search and the sweep's own
    CHECK(*search.optimum.learning_rate.value == Approx(best).epsilon(0.01));
    CHECK(*search.optimum.batch_tokens.value == Approx(256).epsilon(0.02));
  }
  const std::vector<RateRuleFit> rules = rate_rules(store, searches);
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].exponent == Approx(-0.1).margin(0.01));
  CHECK(rules[0].exponent_ci95.low < -0.1);
  CHECK(rules[0].exponent_ci95.high > -0.1);
  CHECK(rules[0].exponent_ci95.high - rules[0].exponent_ci95.low ==
        Approx(2 * 1.959964 * rules[0].exponent_error));
  REQUIRE(rules[0].sizes.size() == 3);
  CHECK(rules[0].sizes[1].rule_rate ==
        Approx(0.05 * std::pow(rules[0].sizes[1].params, -0.1)).epsilon(0.01));
  // 0.2 / hidden falls much faster than the planted rate, and costs sizes differently.
  CHECK(rules[0].fixed_exponent < -0.5);
  CHECK(rules[0].bends);
}

TEST_CASE("a setting that is as far off at every size does not bend the law") {
  tests::TempFolder folder;
  tests::TempFolder probe;
  const db::RunStore first = searched_store(probe, -0.1);
  const double used = rate_rules(first, rate_searches(first)).at(0).fixed_exponent;
  const db::RunStore store = searched_store(folder, used);
  const RateRuleFit rule = rate_rules(store, rate_searches(store)).at(0);
  CHECK(rule.exponent == Approx(used).margin(0.02));
  CHECK_FALSE(rule.bends);
}

TEST_CASE("runs of a search are points of no fit") {
  tests::TempFolder folder;
  db::RunStore store = searched_store(folder, -0.1);
  const Observations observations(store, ParamsCount::kAll);
  CHECK(observations.runs().size() == 15);
  CHECK(observations.of_strategy("scratch", 0).size() == 6);
  db::Statement rows(store.database(), "SELECT count(*) FROM observations");
  REQUIRE(rows.step());
  CHECK(rows.integer(0) == 15);
}

}  // namespace crosslaw::apps
