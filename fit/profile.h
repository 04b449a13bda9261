#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/fit_result.h"
#include "fit/points.h"

namespace crosslaw::fit {

// The objective as a function of one quantity, everything else refitted at each value.
struct Profile {
  std::string name;               // of a coefficient, or of what else is profiled
  double value = 0;               // at the optimum
  std::vector<double> values;     // ascending
  std::vector<double> objective;  // least F with the quantity held there
  double limit = 0;               // F up to which a value lies in the 95 % interval
  std::optional<double> low;      // ends of that interval; absent: open on that side
  std::optional<double> high;
};

// Profiles of every free coefficient of a fit of these points. The 95 % interval is where the
// robust likelihood-ratio statistic 2 (F(c) - F*) / tau, tau = mean psi^2 / mean psi', stays below
// the 95 % quantile of chi-square with one degree of freedom (Schrader and Hettmansperger 1980).
std::vector<Profile> profile_coefficients(const Points& points, const FitResult& fit, int threads);

}  // namespace crosslaw::fit
