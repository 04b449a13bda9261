#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"

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

// Profiles of every free coefficient of a fit of these points, in the order of its coefficients.
// A coefficient is held as users read it (A, not log A at the centre of the data). The 95 %
// interval is where the robust likelihood-ratio statistic 2 (F(c) - F*) / tau, tau = mean psi^2 /
// mean psi' corrected for few points (noise_factors.h), stays below the 95 % quantile of F with one
// and n - p degrees of freedom (Schrader and Hettmansperger 1980; chi-square for many points). It
// takes the points as independent and equally noisy: where small runs scatter more, or checkpoints
// of one run scatter together, it is too narrow and the bootstrap is to be believed. A two-stage
// fit is profiled stage by stage, the continued one with E, A and alpha where the scratch one left
// them. Throws std::invalid_argument for points that the fit cannot come from.
std::vector<Profile> profile_coefficients(const Points& points, const FitResult& fit, int threads);

// Profiles of N*, the size of least loss that C = F N^phi D = flops can train (F and phi as the fit
// counts compute), by which A is eliminated: alpha A N*^-alpha = (phi beta - gamma) B D*^-beta
// N*^-gamma (B, where A and alpha are frozen). One a strategy with a minimisation of its own, named
// "N*", "scratch N*", ...; none of laws other than chinchilla and extended and where the fit has no
// optimum.
std::vector<Profile> profile_params(const Points& points, const FitResult& fit, double flops,
                                    int threads);

}  // namespace crosslaw::fit
