#include "apps/study/budget_allocation.h"

#include "apps/study/allocation_choices.h"
#include "fit/allocate/allocation_report.h"

namespace crosslaw::apps {

BudgetAllocations allocate_budgets(const fit::FitResult& fit, const Observations& observations,
                                   const LanguagePair& pair) {
  fit::AllocationOptions options;
  options.flops = default_budgets(observations, pair, fit.compute.has_value());
  options.ladder = ladder_of(observations, fit.compute.has_value());
  BudgetAllocations out;
  if (options.flops.empty()) return out;
  const fit::AllocationReport report = fit::report_allocation(fit, options);
  for (std::size_t i = 0; i < options.flops.size(); ++i) {
    BudgetAllocation one;
    one.flops = options.flops[i];
    for (const fit::Allocation& strategy : report.strategies) {
      if (i >= strategy.rows.size()) continue;
      const fit::AllocationRow& row = strategy.rows[i];
      (strategy.strategy == "continued" ? one.continued : one.scratch) = row;
      for (const std::string& warning : row.warnings) {
        const std::string whose = strategy.strategy.empty() ? "" : strategy.strategy + ": ";
        one.warnings.push_back(whose + warning);
      }
    }
    if (!one.scratch && !one.continued) continue;
    if (one.scratch && one.continued && i < report.savings.size())
      one.loss_difference = report.savings[i].loss_difference;
    out.rows.push_back(std::move(one));
  }
  for (const fit::Allocation& strategy : report.strategies) {
    if (strategy.growth)
      out.growth.push_back(
          {strategy.strategy.empty() ? "scratch" : strategy.strategy, *strategy.growth});
  }
  return out;
}

}  // namespace crosslaw::apps
