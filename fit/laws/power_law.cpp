#include "fit/laws/power_law.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace crosslaw::fit {
namespace {

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The power law of y - floor. A residual of log y is one of log(y - floor) times (y - floor)/y, so
// with these weights both least-squares problems agree, as far as residuals are small.
std::optional<FlooredPowerLaw> above_floor(std::span<const double> log_x,
                                           std::span<const double> log_y, double floor) {
  double w = 0, x = 0, y = 0, xx = 0, xy = 0;
  const auto share_above = [&](std::size_t i) { return 1 - floor / std::exp(log_y[i]); };
  for (std::size_t i = 0; i < log_x.size(); ++i) {
    const double weight = share_above(i) * share_above(i);
    w += weight;
    x += weight * log_x[i];
    y += weight * (log_y[i] + std::log(share_above(i)));
  }
  x /= w, y /= w;
  for (std::size_t i = 0; i < log_x.size(); ++i) {
    const double weight = share_above(i) * share_above(i), dx = log_x[i] - x;
    xx += weight * dx * dx;
    xy += weight * dx * (log_y[i] + std::log(share_above(i)) - y);
  }
  if (!(xx > 1e-12 * w) || !(xy < 0)) return std::nullopt;
  FlooredPowerLaw out{floor, {y - xy / xx * x, xy / xx, 0}};
  double squares = 0;
  for (std::size_t i = 0; i < log_x.size(); ++i) {
    squares += std::pow(log_y[i] - out.log_at(log_x[i]), 2);
  }
  out.rest.rms = std::sqrt(squares / static_cast<double>(log_x.size()));
  return out;
}

}  // namespace

double FlooredPowerLaw::log_at(double log_x) const {
  return std::log(floor + std::exp(rest.log_at(log_x)));
}

std::optional<double> FlooredPowerLaw::log_x_at(double log_y) const {
  const double above = std::exp(log_y) - floor;
  if (!(above > 0) || !(rest.exponent < 0)) return std::nullopt;
  return (std::log(above) - rest.log_constant) / rest.exponent;
}

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

std::optional<FlooredPowerLaw> floored_power_law_through(std::span<const double> log_x,
                                                         std::span<const double> log_y) {
  constexpr std::size_t kFewest = 4;  // one more than there are coefficients
  if (log_x.size() < kFewest) return std::nullopt;
  // Only the floor is searched, as a share of the least y: the others follow from it.
  const double least = std::exp(*std::min_element(log_y.begin(), log_y.end()));
  const auto at = [&](double share) { return above_floor(log_x, log_y, share * least); };
  const auto rms = [&](double share) {
    const std::optional<FlooredPowerLaw> law = at(share);
    return law ? law->rest.rms : std::numeric_limits<double>::infinity();
  };
  constexpr int kSteps = 64;
  constexpr double kMost = 0.995;  // at 1 the lowest loss would have no log of what is above
  int best = 0;
  std::vector<double> grid;
  for (int i = 0; i <= kSteps; ++i) {
    grid.push_back(rms(kMost * i / kSteps));
    if (grid.back() < grid[static_cast<std::size_t>(best)]) best = i;
  }
  // The golden section narrows the bracket around the best step.
  constexpr double kGolden = 0.6180339887498949;
  double low = kMost * std::max(0, best - 1) / kSteps;
  double high = kMost * std::min(kSteps, best + 1) / kSteps;
  for (int i = 0; i < 40; ++i) {
    const double left = high - kGolden * (high - low), right = low + kGolden * (high - low);
    const bool is_left = rms(left) < rms(right);
    (is_left ? high : low) = is_left ? right : left;
  }
  const double found = 0.5 * (low + high);
  return rms(found) < grid.front() ? at(found) : at(0);
}

std::optional<PowerPlane> power_plane_through(std::span<const double> log_u,
                                              std::span<const double> log_v,
                                              std::span<const double> log_y) {
  constexpr std::size_t kFewest = 4;
  if (log_y.size() < kFewest) return std::nullopt;
  const double u = mean(log_u), v = mean(log_v), y = mean(log_y);
  double uu = 0, uv = 0, vv = 0, uy = 0, vy = 0;
  for (std::size_t i = 0; i < log_y.size(); ++i) {
    const double du = log_u[i] - u, dv = log_v[i] - v, dy = log_y[i] - y;
    uu += du * du, uv += du * dv, vv += dv * dv;
    uy += du * dy, vy += dv * dy;
  }
  // Almost one direction only: D = k N, or one size.
  const double determinant = uu * vv - uv * uv;
  if (!(determinant > 1e-6 * uu * vv) || !(uu > 1e-12) || !(vv > 1e-12)) return std::nullopt;
  const double first = (uy * vv - vy * uv) / determinant;
  const double second = (vy * uu - uy * uv) / determinant;
  return PowerPlane{y - first * u - second * v, first, second};
}

}  // namespace crosslaw::fit
