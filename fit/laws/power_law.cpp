#include "fit/laws/power_law.h"

#include <cmath>
#include <cstddef>

namespace crosslaw::fit {
namespace {

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

PowerLaw power_law_with_exponent(std::span<const double> log_x, std::span<const double> log_y,
                                 double exponent) {
  PowerLaw out{mean(log_y) - exponent * mean(log_x), exponent, 0};
  double squares = 0;
  for (std::size_t i = 0; i < log_x.size(); ++i) {
    squares += std::pow(log_y[i] - out.log_at(log_x[i]), 2);
  }
  out.rms = std::sqrt(squares / static_cast<double>(log_x.size()));
  return out;
}

std::optional<PowerLaw> power_law_through(std::span<const double> log_x,
                                          std::span<const double> log_y) {
  if (log_x.size() < 2) return std::nullopt;
  const double x = mean(log_x), y = mean(log_y);
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < log_x.size(); ++i) {
    xx += (log_x[i] - x) * (log_x[i] - x);
    xy += (log_x[i] - x) * (log_y[i] - y);
  }
  if (!(xx > 1e-12)) return std::nullopt;
  return power_law_with_exponent(log_x, log_y, xy / xx);
}

}  // namespace crosslaw::fit
