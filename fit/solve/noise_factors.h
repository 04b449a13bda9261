#pragma once

#include "fit/solve/noise_model.h"
#include "fit/solve/objective.h"

namespace crosslaw::fit {

// How the scatter of the residuals enters the covariance and the likelihood ratio of an
// M-estimator; psi is the slope of the Huber function, means are weighted.
struct NoiseFactors {
  // sqrt(mean psi^2) / mean psi': times sqrt of the diagonal of (J^T J)^-1, to judge by.
  double error = 0;
  // tau, with which 2 (F - F*) / tau is chi-square (Schrader and Hettmansperger 1980):
  // mean psi^2 / mean psi' times n / (n - p) K, K = 1 + (p / n) (1 - m) / m, m = mean psi', for the
  // p coefficients that made the residuals of n points smaller (Huber 1981, section 7.6). For least
  // squares the residual variance.
  double ratio = 0;
};

// At the centred optimum. Where hardly a residual is in the quadratic zone, so that mean psi' says
// nothing, the density of the residuals at 0 is taken from their median size, as for normal noise.
NoiseFactors noise_factors(const Objective& objective, const Theta& theta);

// NoiseFactors::error that noise of this law has in the long run, in closed form: sqrt(E psi^2) /
// E psi'. A few points say little of it themselves when delta is small, for the fit goes through as
// many of them as it has coefficients.
double expected_error(const NoiseModel& noise, double delta);

}  // namespace crosslaw::fit
