#include "fit/solve/noise_factors.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "fit/data/median.h"

namespace crosslaw::fit {

NoiseFactors noise_factors(const Objective& objective, const Theta& theta) {
  constexpr double kFewestInside = 0.05;  // share of the residuals; with fewer psi' is a guess
  constexpr double kMedianLoss = 1.25;    // sqrt(pi / 2): the median's error over the mean's
  const Eigen::VectorXd r = residuals(objective, theta);
  double squares = 0, inside = 0, weight = 0;
  std::vector<double> sizes;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    const double w = objective.samples[static_cast<std::size_t>(i)].weight;
    const double size = std::abs(r[i]);
    squares += w * std::pow(std::min(size, objective.delta), 2);
    inside += size <= objective.delta ? w : 0;
    weight += w;
    sizes.push_back(size);
  }
  const double psi = std::sqrt(squares / weight);
  const auto count = static_cast<double>(r.size());
  const double fitted = objective.box.free_count(objective.law->size());
  const double share = inside / weight;
  NoiseFactors out;
  double correction = count / std::max(1.0, count - fitted);
  if (share < kFewestInside) {
    // As of the median of normal noise: sqrt(pi/2) sd / sqrt(n), with sd from the median size.
    out.error = kMedianLoss * kDeviationOfMedian * upper_median(std::move(sizes));
  } else {
    out.error = psi / share;
    correction *= 1 + fitted / count * (1 - share) / share;
  }
  out.ratio = correction * psi * out.error;
  return out;
}

double expected_error(const NoiseModel& noise, double delta) {
  constexpr double kTiny = 1e-4;  // absolute errors from here on
  const double scale = noise.point_scale();
  const double bound = delta / scale;
  if (!(scale > 0)) return 0;
  if (std::isinf(bound)) return noise.point_sd;
  if (noise.laplace) {
    if (bound < kTiny) return scale;
    const double inside = -std::expm1(-bound);
    return scale * std::sqrt(2 * (inside - bound * std::exp(-bound))) / inside;
  }
  if (bound < kTiny) return scale * std::sqrt(std::numbers::pi / 2);
  const double inside = std::erf(bound / std::numbers::sqrt2);
  const double density = std::exp(-0.5 * bound * bound) / std::sqrt(2 * std::numbers::pi);
  const double squares = inside - 2 * bound * density + bound * bound * (1 - inside);
  return scale * std::sqrt(squares) / inside;
}

}  // namespace crosslaw::fit
