#include "apps/study/text_exposure.h"

#include <nlohmann/json.hpp>

#include "tests/apps/planted_transfer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::TransferWorld;

TEST_CASE("A planted leak of one percent is told apart, the clean losses are those of the laws") {
  TransferWorld world;
  world.leak = 0.01;
  world.every = 8;
  const tests::TempFolder folder;
  const db::RunStore store = tests::simulate(world, folder.path());
  const Observations observations(store, ParamsCount::kAll);
  const std::vector<SeenLosses> found = seen_losses(observations);
  REQUIRE(found.size() == 8);  // two strategies, four budgets
  for (const SeenLosses& at : found) {
    INFO(at.strategy << " at " << at.tokens_per_param);
    CHECK(at.runs == 5);
    CHECK(at.seen_share == Approx(0.01));
    double clean = 0, seen = 0;
    int runs = 0;
    for (const Measurement& m : observations.of_strategy(at.strategy, 0)) {
      const auto tokens = static_cast<double>(m.tokens);
      const double ratio = tokens / static_cast<double>(m.run->params_budget);
      if (ratio > 1.1 * at.tokens_per_param || ratio < 0.9 * at.tokens_per_param) continue;
      const double loss = at.strategy == "scratch" ? world.scratch_loss(m.params, tokens)
                                                   : world.continued_loss(m.params, tokens);
      clean += loss, seen += loss * (1 - world.leak_gain * world.read_share(tokens)), ++runs;
    }
    CHECK(runs == 5);
    CHECK(at.loss_clean == Approx(clean / runs).epsilon(4 * world.noise));
    CHECK(at.loss_seen == Approx(seen / runs).epsilon(4 * world.noise));
    CHECK(at.loss == Approx(0.99 * at.loss_clean + 0.01 * at.loss_seen));
  }
  CHECK_THAT(describe(found), tests::has_text("1 % of the validation tokens of fr stand in"));
  // The more tokens, the more is gained where training text was read.
  CHECK(found[3].loss_clean - found[3].loss_seen > found[0].loss_clean - found[0].loss_seen);
  const TextExposure exposure = text_exposure(observations, folder.path());
  CHECK_FALSE(exposure.audit);  // no data were prepared here
  CHECK(to_json(exposure)["losses"].size() == 8);
}

TEST_CASE("Without a leak nothing is told apart") {
  const tests::TempFolder folder;
  const db::RunStore store = tests::simulate({.every = 20}, folder.path());
  CHECK(seen_losses(Observations(store, ParamsCount::kAll)).empty());
  CHECK(describe(std::vector<SeenLosses>()).empty());
}
