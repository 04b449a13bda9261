#pragma once

#include <optional>
#include <span>

namespace crosslaw::fit {

// y = exp(log_constant) * x^exponent, found by least squares in logs.
struct PowerLaw {
  double log_constant = 0;
  double exponent = 0;
  double rms = 0;  // of log y around the line

  double log_at(double log_x) const { return log_constant + exponent * log_x; }
};

// The line through log y against log x, one value of each a point. Empty for fewer than two points
// and where all x are equal.
std::optional<PowerLaw> power_law_through(std::span<const double> log_x,
                                          std::span<const double> log_y);

// The same with the exponent given. At least one point is needed.
PowerLaw power_law_with_exponent(std::span<const double> log_x, std::span<const double> log_y,
                                 double exponent);

// y = floor + exp(log_constant) * x^exponent, floor >= 0: a power law that levels off, as the loss
// along the compute-optimal frontier does (arXiv:2407.02118, Eq. 3).
struct FlooredPowerLaw {
  double floor = 0;  // E'
  PowerLaw rest;     // of y - floor; its rms is that of log y around the whole

  double log_at(double log_x) const;
  // Where y is reached; empty at or below the floor, and for a law that does not fall.
  std::optional<double> log_x_at(double log_y) const;
};

// Least squares in logs, all three coefficients at once. Empty for fewer than four points, where
// all x are equal, and where y - floor grows with x.
std::optional<FlooredPowerLaw> floored_power_law_through(std::span<const double> log_x,
                                                         std::span<const double> log_y);

// y = exp(log_constant) * u^first_exponent * v^second_exponent.
struct PowerPlane {
  double log_constant = 0, first_exponent = 0, second_exponent = 0;
};

// Least squares in logs. Empty for fewer than four points, and where the points do not tell u from
// v.
std::optional<PowerPlane> power_plane_through(std::span<const double> log_u,
                                              std::span<const double> log_v,
                                              std::span<const double> log_y);

}  // namespace crosslaw::fit
