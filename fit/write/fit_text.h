#pragma once

#include <string>

#include "fit/solve/fit_result.h"
#include "fit/write/table.h"

namespace crosslaw::fit {

// Coefficients with standard error and interval, one row each, and what they imply: a and b of
// N* ~ C^a, D* ~ C^b, and the optimum of the largest measured compute. A column "identifiable"
// where one is not; then there is no optimum.
Table coefficient_table(const FitResult& fit);
// Every number in full: coefficient,value,se,ci95_low,ci95_high,identifiable.
Table coefficient_csv(const FitResult& fit);

// What a person wants to know about a fit: law, data, coefficients, whether the optimum is
// certified, where the intervals come from, and every problem in plain sentences. `verbose` adds
// what stands behind the certificate.
std::string describe(const FitResult& fit, bool verbose = false);

}  // namespace crosslaw::fit
