#include "apps/study/choice_scores.h"

#include "tests/apps/planted_transfer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;

TEST_CASE("Scores are pooled over seeds, largest models marked, shares of replay compared") {
  const tests::TempFolder folder;
  tests::TransferWorld world;
  world.every = 20;
  world.tokens_per_param = {5, 10};
  world.replay = {0, 0.2};
  world.seeds = {1, 2};
  db::RunStore store = tests::simulate(world, folder.path());
  CHECK(choice_scores(store, Observations(store, ParamsCount::kAll)).empty());
  // Every continued model answers 60 of 100, with replay 45; the others 50.
  for (const db::RunRow& run : store.runs()) {
    db::ChoiceRow row;
    row.name = "quiz";
    row.step = run.steps;
    row.questions = 100;
    row.correct = 30;
    row.correct_by_byte = !run.source_language ? 50 : run.replay > 0 ? 45 : 60;
    store.ingest(run.id, run.id, {.choices = {row}});
  }
  const Observations observations(store, ParamsCount::kAll);
  const std::vector<ChoiceScore> scores = choice_scores(store, observations);
  // Two sizes: of the source one budget, else two; continued with two shares.
  REQUIRE(scores.size() == 2 * (1 + 2 + 2 * 2));
  int largest = 0;
  for (const ChoiceScore& each : scores) {
    INFO(each.strategy << " " << each.size << " " << each.replay);
    CHECK(each.questions == 200);
    CHECK(each.plain.share == Approx(0.3));
    CHECK(each.by_byte.low < each.by_byte.share);
    CHECK(each.loss);
    largest += each.largest;
    CHECK(each.relative.has_value() == (each.kind == "continued"));
    if (each.relative) CHECK(*each.relative == Approx(each.replay > 0 ? 0.75 : 1));
  }
  CHECK(largest == 4);  // source, scratch, and continued with either share
  CHECK(describe(scores).find("continued+0.2 45.0 %") != std::string::npos);
}
