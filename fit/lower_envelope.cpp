#include "fit/lower_envelope.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "fit/resample.h"

namespace crosslaw::fit {
namespace {

struct Line {
  double log_coefficient;
  double exponent;
};

// Indices in the order of compute, of points that occur in this world.
std::vector<int> envelope(const Points& points, const std::vector<double>& flops,
                          const std::vector<double>& count) {
  std::vector<int> order;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (count[i] > 0) order.push_back(static_cast<int>(i));
  }
  auto at = [&](int i) {
    return std::pair(flops[static_cast<std::size_t>(i)], points[static_cast<std::size_t>(i)].loss);
  };
  std::sort(order.begin(), order.end(), [&](int a, int b) { return at(a) < at(b); });
  std::vector<int> lowest;
  for (const int i : order) {
    if (lowest.empty() || at(i).second < at(lowest.back()).second) lowest.push_back(i);
  }
  return lowest;
}

std::optional<Line> least_squares(const Points& points, const std::vector<double>& flops,
                                  const std::vector<int>& chosen) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const int i : chosen) {
    const double log_flops = std::log(flops[static_cast<std::size_t>(i)]),
                 log_loss = std::log(points[static_cast<std::size_t>(i)].loss);
    n += 1, x += log_flops, y += log_loss, xx += log_flops * log_flops, xy += log_flops * log_loss;
  }
  const double spread = xx - x * x / n;
  if (n < 2 || !(spread > 1e-12)) return std::nullopt;
  const double slope = (xy - x * y / n) / spread;
  return Line{(y - slope * x) / n, -slope};
}

}  // namespace

LowerEnvelope lower_envelope(const Points& points, const std::vector<double>& flops, int draws,
                             std::uint64_t seed) {
  if (flops.size() != points.size())
    throw std::invalid_argument("lower_envelope: one compute value a point is needed");
  LowerEnvelope result;
  result.points = envelope(points, flops, std::vector<double>(points.size(), 1));
  const std::optional<Line> line = least_squares(points, flops, result.points);
  if (!line)
    throw std::invalid_argument("lower_envelope: fewer than two points lie on the envelope");
  result.flops = {flops[static_cast<std::size_t>(result.points.front())],
                  flops[static_cast<std::size_t>(result.points.back())]};
  const Resampler resampler(points, Resampling::kClusters, seed);
  std::vector<std::optional<double>> coefficients, exponents;
  for (int draw = 0; draw < draws; ++draw) {
    const std::optional<Line> other =
        least_squares(points, flops, envelope(points, flops, resampler.draw(draw).count));
    coefficients.push_back(other ? std::optional(std::exp(other->log_coefficient)) : std::nullopt);
    exponents.push_back(other ? std::optional(other->exponent) : std::nullopt);
  }
  result.coefficient = summarise(std::exp(line->log_coefficient), coefficients);
  result.exponent = summarise(line->exponent, exponents);
  return result;
}

}  // namespace crosslaw::fit
