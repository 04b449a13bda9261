#include "apps/study/forgetting.h"

#include <algorithm>

#include "db/database.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

namespace {

// The rise of every end of a schedule, from the tables alone: the source model of a size and seed
// has one final loss.
struct Rises {
  double least = 0, mean = 0, most = 0;
  std::int64_t ends = 0;
};

Rises rises_in_database(const std::string& strategy) {
  db::RunStore store = db::RunStore::read(planted_demo().folder / "crosslaw.db");
  db::Statement rows(store.database(), R"(
      SELECT min(rise), avg(rise), max(rise), count(rise) FROM (
        SELECT eval.loss_nats - (
            SELECT loss_nats FROM observations AS source
            WHERE source.strategy = 'source' AND source.size = run.size
              AND source.end_of_schedule) AS rise
        FROM eval JOIN run ON run.id = eval.run_id
        WHERE run.strategy = ? AND eval.language = run.source_language))");
  rows.bind(strategy);
  REQUIRE(rows.step());
  return {rows.real(0), rows.real(1), rows.real(2), rows.integer(3)};
}

}  // namespace

TEST_CASE("What was forgotten is what the database says") {
  for (const LanguagePair& pair : tests::some(planted_demo().observations.pairs())) {
    INFO(pair.continued);
    const std::vector<Forgetting> found = forgetting(planted_demo().observations, pair);
    const std::optional<ForgettingSummary> rise = summarise(found);
    const Rises known = rises_in_database(pair.continued);
    REQUIRE(rise);
    CHECK(rise->ends == known.ends);
    CHECK(rise->least == Approx(known.least));
    CHECK(rise->mean == Approx(known.mean));
    CHECK(rise->most == Approx(known.most));
    CHECK(rise->mean == Approx(tests::planted_rise(pair.continued)).epsilon(0.1));
  }
}

TEST_CASE("All budgets of one size leave from the one source model") {
  const LanguagePair& pair = planted_demo().observations.pairs()[0];
  const std::vector<Forgetting> found = forgetting(planted_demo().observations, pair);
  CHECK(found.size() == 40);
  for (const Forgetting& model : found) {
    INFO(model.size);
    CHECK(model.source_language == "en");
    REQUIRE(model.start_loss);
    CHECK(*model.start_loss < 3);
    CHECK(model.points.size() >= 2);  // one run diverged
    CHECK(std::is_sorted(
        model.points.begin(), model.points.end(),
        [](const SourceLoss& a, const SourceLoss& b) { return a.tokens < b.tokens; }));
  }
}

TEST_CASE("A rise is not stated where the source model is unknown") {
  std::vector<Forgetting> found(1);
  found[0].points = {{1e5, 3.0, true}};
  CHECK_FALSE(summarise(found));
  found[0].start_loss = 2.25;
  found[0].points.push_back({5e4, 9.0, false});  // mid-schedule: no end
  const std::optional<ForgettingSummary> rise = summarise(found);
  REQUIRE(rise);
  CHECK(rise->ends == 1);
  CHECK(rise->mean == Approx(0.75));
}

TEST_CASE("A language trained from scratch alone forgets nothing") {
  LanguagePair pair = planted_demo().observations.pairs()[0];
  pair.continued.clear();
  CHECK(forgetting(planted_demo().observations, pair).empty());
}
