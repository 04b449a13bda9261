#include "apps/study/budget_allocation.h"

#include "apps/study/allocation_choices.h"
#include "fit/allocate/allocation_report.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

TEST_CASE("A row holds both strategies' optimum of one budget, and their difference") {
  const PairFits& fits = planted_demo().fits[0];
  const fit::FitResult& both = *fits.find("two-stage");
  const std::vector<BudgetAllocation> rows =
      allocate_budgets(both, planted_demo().observations, fits.pair);
  REQUIRE(rows.size() == default_budgets(planted_demo().observations, fits.pair).size());
  fit::AllocationOptions options;
  for (const BudgetAllocation& row : rows) options.flops.push_back(row.flops);
  const fit::AllocationReport report = fit::report_allocation(both, options);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(rows[i].scratch);
    REQUIRE(rows[i].continued);
    CHECK(rows[i].scratch->params.value == report.strategies[0].rows[i].params.value);
    CHECK(rows[i].continued->params.value == report.strategies[1].rows[i].params.value);
    REQUIRE(rows[i].loss_difference.value);
    REQUIRE(rows[i].loss_difference.ci95);
    CHECK(*rows[i].loss_difference.value ==
          Approx(*rows[i].continued->loss.value - *rows[i].scratch->loss.value));
    CHECK(rows[i].scratch->nearest);
  }
}

TEST_CASE("A fit from scratch has no optimum of continued runs and no difference") {
  const PairFits& fits = planted_demo().fits[0];
  for (const BudgetAllocation& row :
       allocate_budgets(*fits.find("scratch"), planted_demo().observations, fits.pair)) {
    CHECK(row.scratch);
    CHECK_FALSE(row.continued);
    CHECK_FALSE(row.loss_difference.value);
  }
}
