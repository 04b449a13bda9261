#pragma once

#include "fit/objective.h"

namespace crosslaw::fit {

// How the scatter of the residuals enters the covariance and the likelihood ratio of an
// M-estimator; psi is the slope of the Huber function, means are weighted (Huber 1981, chapters 6
// and 7; Schrader and Hettmansperger 1980).
struct NoiseFactors {
  double error = 0;  // sqrt(mean psi^2) / mean psi': times sqrt of the diagonal of (J^T J)^-1
  double ratio = 0;  // tau = mean psi^2 / mean psi': 2 (F - F*) / tau is chi-square
};

// At the centred optimum. Where hardly a residual is in the quadratic zone, so that mean psi' says
// nothing, the density of the residuals at 0 is taken from their median size, as for normal noise.
NoiseFactors noise_factors(const Problem& problem, const Theta& theta);

}  // namespace crosslaw::fit
