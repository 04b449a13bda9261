#include "apps/study/allocation_choices.h"

#include "tests/apps/planted_sweep.h"
#include "tests/support/catch.h"

namespace crosslaw::apps {

TEST_CASE("An allocation goes by the fit of the choice unless a law is named") {
  PairFits pair;
  CHECK(fit_to_allocate(pair, "") == nullptr);
  for (const char* name : {"scratch", "two-stage", "joint"}) pair.fits.push_back({name, {}, {}});
  pair.choice.name = "joint";
  CHECK(fit_to_allocate(pair, "")->name == "joint");
  CHECK(fit_to_allocate(pair, "two-stage")->name == "two-stage");
  CHECK(fit_to_allocate(pair, "chinchilla")->name == "scratch");
  CHECK(fit_to_allocate(pair, "outer") == nullptr);
}

TEST_CASE("A sweep brings budgets around its own compute and its own ladder") {
  const tests::TempFolder folder;
  const db::RunStore store = tests::planted_store(folder);
  const Observations observations(store, ParamsCount::kAll);
  SweepFitOptions options;
  options.fit.draws = 0;
  const auto fits = fit_sweep(observations, options, [](const std::string&) {});
  const std::vector<SweepAllocation> six = sweep_allocations(observations, fits, "", false);
  REQUIRE(six.size() == 1);
  CHECK(six[0].fit.name == fits[0].choice.name);
  CHECK(six[0].reason == fits[0].choice.reason);
  CHECK_FALSE(six[0].fit.fit.compute);
  CHECK(six[0].ladder.size() == 40);
  const double most = fit::coverage(six[0].fit.data.data.points).flops.high;
  REQUIRE_FALSE(six[0].budgets.empty());
  CHECK(six[0].budgets.front() >= most / 5);
  CHECK(six[0].budgets.back() > most);
  CHECK(six[0].budgets.back() <= 10 * most);

  const std::vector<SweepAllocation> exact = sweep_allocations(observations, fits, "", true);
  REQUIRE(exact.at(0).fit.fit.compute);
  CHECK(exact[0].fit.fit.convention.compute == "exact FLOPs of the runs");
  CHECK(exact[0].ladder.at(0).flops_per_token);
}

}  // namespace crosslaw::apps
