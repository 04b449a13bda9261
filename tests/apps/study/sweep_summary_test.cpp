#include "apps/study/sweep_summary.h"

#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

TEST_CASE("The totals of the planted demo are counted run by run") {
  const SweepTotals totals = sweep_totals(planted_demo().store, planted_demo().observations);
  CHECK(totals.runs == 340);  // 40 source, 2 x 120 French, 2 x 30 Chinese
  CHECK(totals.done == 338);
  CHECK(totals.diverged == 1);
  CHECK(totals.failed == 1);
  CHECK(totals.pending == 0);
  CHECK(totals.running == 0);
  CHECK(totals.sizes == 40);
  CHECK(totals.strategies == 5);
  REQUIRE(totals.params);
  CHECK(totals.params->low == 8028);
  CHECK(totals.params->high == 39636);
  CHECK(totals.compute_seconds == Approx(340 * 2.5));
  CHECK(totals.devices == std::vector<std::string>{"cpu"});
  double tokens = 0, flops = 0;
  for (const db::RunResultRow& run : planted_demo().observations.runs()) {
    if (run.outcome != db::Outcome::kDone) continue;
    tokens += static_cast<double>(run.tokens_target);
    flops += run.flops;
  }
  CHECK(totals.tokens == tokens);
  CHECK(totals.flops == Approx(flops));
}

TEST_CASE("Each strategy is named with its kind and what it continues") {
  const std::vector<StrategySummary> found = strategies_of(planted_demo().observations);
  REQUIRE(found.size() == 5);
  for (const StrategySummary& each : found) {
    INFO(each.name);
    const bool continued = each.name.rfind("continued", 0) == 0;
    CHECK(each.kind == (continued ? "continued" : each.language == "en" ? "source" : "scratch"));
    CHECK(each.from == (continued ? std::optional<std::string>("source") : std::nullopt));
  }
}
