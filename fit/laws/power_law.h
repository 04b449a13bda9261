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

}  // namespace crosslaw::fit
