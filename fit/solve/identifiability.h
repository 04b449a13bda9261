#pragma once

#include <string>
#include <vector>

#include "fit/solve/objective.h"

namespace crosslaw::fit {

// Whether points and optimum pin the coefficients down.
struct Identifiability {
  double condition = 0;              // of the Jacobian, centred, columns scaled to length one
  std::vector<std::string> reasons;  // one a coefficient; empty: it is identifiable
  // The same by standard errors, which draws know better where there are any.
  std::vector<std::string> rough_reasons;
  std::string confounded;             // see FitResult
  std::vector<std::string> at_bound;  // names of coefficients
  std::vector<std::string> problems;  // plain sentences, each said once
};

// Checks, in this order: does the design vary in N, in D and in both independently; is a
// coefficient at its bound or E at 0; is the Jacobian numerically singular; is the standard
// error (sandwich formula, independent residuals) so large that the coefficient says nothing.
// Frozen coefficients are identifiable by definition. `theta` is the centred optimum.
Identifiability judge(const Objective& objective, const Theta& theta);

}  // namespace crosslaw::fit
