#include "fit/allocate/allocation_report.h"

#include "fit/solve/strategies.h"

namespace crosslaw::fit {

AllocationReport report_allocation(const FitResult& fit, const AllocationOptions& options) {
  AllocationReport report;
  for (const StrategyFit& strategy : strategy_fits(fit)) {
    report.strategies.push_back(allocate(strategy.fit, options));
    report.strategies.back().strategy = strategy.name;
  }
  if (report.strategies.size() == 1) return report;
  const Allocation& continued = report.strategies.back();
  for (const AllocationRow& row : continued.rows) {
    report.savings.push_back(saving_at(fit, row.flops, continued.compute));
    report.crossings.push_back(crossing_at(fit, *row.params.value));
    report.transfers.push_back(transfer_at(fit, *row.params.value, *row.tokens.value));
  }
  return report;
}

}  // namespace crosslaw::fit
