#include "apps/study/score_doubts.h"

#include <numbers>
#include <stdexcept>

#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using crosslaw::tests::has_text;

namespace {

RegisteredForecast registered(const std::string& stage = "") {
  RegisteredForecast out;
  out.path = "forecast.json";
  for (const double tokens : {2e10, 8e10}) {
    const double loss = tokens > 5e10 ? 2.4 : 2.6;
    out.runs.push_back({"", stage, {1e9, tokens}, loss, {}});
    out.runs.back().intervals.fill({0.98 * loss, 1.02 * loss});
  }
  out.conventions[""] = {"column N", "6ND", "column loss, nats"};
  return out;
}

CameRuns came(double times = 1) {
  CameRuns out{"", {{1e9, 2e10, 2.61 * times}, {1e9, 8e10, 2.39 * times}}};
  out.convention = {"column N", "6ND", "column loss, nats"};
  return out;
}

std::vector<std::string> doubts(const CameRuns& runs) {
  return doubts_about_score(score_forecast(registered(), {runs}), {runs});
}

}  // namespace

TEST_CASE("Runs that came as they were registered are in no doubt") {
  CHECK(doubts(came()).empty());
  CHECK_NOTHROW(require_same_stages(registered(), {came()}));
}

TEST_CASE("A loss or an N of another convention than was registered is told") {
  CameRuns runs = came();
  runs.convention.loss = "column loss_code, nats";
  REQUIRE(doubts(runs).size() == 1);
  CHECK_THAT(doubts(runs).front(), has_text("loss_code"));
  runs.convention.params = "column blocks";
  CHECK(doubts(runs).size() == 2);
}

TEST_CASE("Losses that all miss by what bits are to nats are refused until their unit is said") {
  CameRuns runs = came(1 / std::numbers::ln2);
  CHECK_THROWS_WITH(doubts(runs), has_text("--loss-unit bits"));
  runs.loss_unit_said = true;
  CHECK(doubts(runs).empty());
  CHECK_NOTHROW(doubts(came(1.2)));  // a forecast that was bad is no other unit
}

TEST_CASE("Rows of one run further apart than seeds are told, seeds are not") {
  CameRuns runs = came();
  runs.points.push_back({1e9, 2e10, 2.62});
  CHECK(doubts(runs).empty());
  runs.points.push_back({1e9, 2e10, 2.9});
  REQUIRE(doubts(runs).size() == 1);
  CHECK_THAT(doubts(runs).front(), has_text("3 rows are taken for this run"));
}

TEST_CASE("A forecast of stages needs data that tell them, one without needs data of one") {
  CameRuns runs = came();
  runs.stage_known = false;
  CHECK_THROWS_WITH(require_same_stages(registered("continued"), {runs}), has_text("--stage"));
  runs.stage_known = true;
  runs.points.back().stage = fit::Stage::kContinued;
  CHECK_NOTHROW(require_same_stages(registered("continued"), {runs}));
  CHECK_THROWS_WITH(require_same_stages(registered(), {runs}), has_text("--where"));
}
