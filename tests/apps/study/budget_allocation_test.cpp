#include "apps/study/budget_allocation.h"

#include <cmath>

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
      allocate_budgets(both, planted_demo().observations, fits.pair).rows;
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

TEST_CASE("N* and D* grow with C by constants and exponents that give the rows again") {
  const PairFits& fits = planted_demo().fits[0];
  const BudgetAllocations found =
      allocate_budgets(*fits.find("two-stage"), planted_demo().observations, fits.pair);
  REQUIRE(found.growth.size() == 2);
  CHECK(found.growth[0].strategy == "scratch");
  CHECK(found.growth[1].strategy == "continued");
  const fit::OptimumGrowth& line = found.growth[0].growth.at_optimum;
  for (const BudgetAllocation& row : tests::some(found.rows)) {
    CHECK(line.params_constant * std::pow(row.flops, line.params_exponent) ==
          Approx(*row.scratch->params.value).epsilon(1e-6));
    CHECK(line.tokens_constant * std::pow(row.flops, line.tokens_exponent) ==
          Approx(*row.scratch->tokens.value).epsilon(1e-6));
  }
}

TEST_CASE("A fit from scratch has no optimum of continued runs and no difference") {
  const PairFits& fits = planted_demo().fits[0];
  const BudgetAllocations found =
      allocate_budgets(*fits.find("scratch"), planted_demo().observations, fits.pair);
  for (const BudgetAllocation& row : tests::some(found.rows)) {
    CHECK(row.scratch);
    CHECK_FALSE(row.continued);
    CHECK_FALSE(row.loss_difference.value);
  }
}
