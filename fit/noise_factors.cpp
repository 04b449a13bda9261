#include "fit/noise_factors.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace crosslaw::fit {

NoiseFactors noise_factors(const Problem& problem, const Theta& theta) {
  constexpr double kFewestInside = 0.05;
  const Eigen::VectorXd r = residuals(problem, theta);
  double squares = 0, inside = 0, weight = 0;
  std::vector<double> sizes;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    const double w = problem.samples[static_cast<std::size_t>(i)].weight;
    const double size = std::abs(r[i]);
    squares += w * std::pow(std::min(size, problem.delta), 2);
    inside += size <= problem.delta ? w : 0;
    weight += w;
    sizes.push_back(size);
  }
  const double psi = std::sqrt(squares / weight);
  NoiseFactors out;
  if (inside < kFewestInside * weight) {
    const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), middle, sizes.end());
    out.error = 1.25 * 1.4826 * *middle;  // sqrt(pi / 2) standard deviations
  } else {
    out.error = psi * weight / inside;
  }
  out.ratio = psi * out.error;
  return out;
}

}  // namespace crosslaw::fit
