#include "apps/study/reported_fits.h"

#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

TEST_CASE("The two-stage fit is reported as that of the continued runs, E, A and alpha held") {
  const std::vector<ReportedFit> found = reported_fits(planted_demo().fits[0]);
  REQUIRE(found.size() == 3);
  CHECK(found[0].name == "scratch");
  CHECK(found[0].subject == FitSubject::kScratch);
  CHECK(found[1].name == "continued, two-stage");
  CHECK(found[1].subject == FitSubject::kContinued);
  CHECK(found[1].fit.law->name == "extended");
  CHECK(found[1].fit.points == 119);
  for (const fit::Coefficient& each : found[1].fit.coefficients) {
    INFO(each.name);
    const bool held = each.name == "E" || each.name == "A" || each.name == "alpha";
    CHECK(each.frozen == held);
    if (held) CHECK(each.value == found[0].fit.value(each.name));
  }
  CHECK(found[2].name == "joint");
  CHECK(found[2].subject == FitSubject::kBoth);
}

TEST_CASE("Only a two-stage fit holds coefficients: E, A and alpha") {
  for (const NamedFit& named : planted_demo().fits[0].fits) {
    INFO(named.name);
    std::string held;
    for (const fit::Coefficient& each : named.fit.coefficients)
      if (is_held(named.fit, each)) held += each.name + " ";
    CHECK(held == (named.name == "two-stage" ? "E A alpha " : ""));
  }
}

TEST_CASE("A stored two-stage fit still knows what it held") {
  db::RunStore store = tests::planted_store(planted_demo().folder / "stored.db");
  store_fits(store, planted_demo().observations, planted_demo().fits);
  const std::vector<PairFits> read = stored_fits(store, planted_demo().observations);
  const std::vector<ReportedFit> found = reported_fits(read[0]);
  REQUIRE(found.size() == 3);
  CHECK(found[1].subject == FitSubject::kContinued);
  CHECK(found[1].fit.points == 119);
  CHECK(found[1].fit.coefficient("alpha").frozen);
  CHECK_FALSE(found[1].fit.coefficient("gamma").frozen);
}
