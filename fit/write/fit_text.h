#pragma once

#include <string>

#include "fit/solve/fit_result.h"
#include "fit/write/table.h"

namespace crosslaw::fit {

// Coefficients with standard error and interval, one row each; a "why" column where one is not
// identifiable.
Table coefficient_table(const FitResult& fit);
// Every number in full: coefficient,value,se,ci95_low,ci95_high,identifiable.
Table coefficient_csv(const FitResult& fit);

// What a person wants to know about a fit: law, data, coefficients, how the optimum was certified,
// where the intervals come from, and every problem in plain sentences.
std::string describe(const FitResult& fit);

}  // namespace crosslaw::fit
