#include "fit/allocate/allocation_report.h"

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"

namespace crosslaw::fit {

AllocationReport report_allocation(const FitResult& fit, const AllocationOptions& options) {
  AllocationReport report;
  if (fit.law != &joint_law()) {
    report.strategies.push_back(allocate(fit, options));
    return report;
  }
  report.strategies.push_back(allocate(scratch_part(fit), options));
  report.strategies.back().strategy = "scratch";
  report.strategies.push_back(allocate(continued_part(fit), options));
  report.strategies.back().strategy = "continued";
  for (const AllocationRow& row : report.strategies[1].rows) {
    report.savings.push_back(saving_at(fit, row.flops, report.strategies[1].compute));
    report.crossings.push_back(crossing_at(fit, *row.params.value));
    report.transfers.push_back(transfer_at(fit, *row.params.value, *row.tokens.value));
  }
  return report;
}

}  // namespace crosslaw::fit
