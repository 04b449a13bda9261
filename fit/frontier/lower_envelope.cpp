#include "fit/frontier/lower_envelope.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "fit/laws/power_law.h"
#include "fit/solve/resample.h"

namespace crosslaw::fit {
namespace {

std::optional<PowerLaw> loss_law(const Points& points, const std::vector<double>& flops,
                                 const std::vector<int>& chosen) {
  std::vector<double> log_flops, log_loss;
  for (const int i : chosen) {
    log_flops.push_back(std::log(flops[static_cast<std::size_t>(i)]));
    log_loss.push_back(std::log(points[static_cast<std::size_t>(i)].loss));
  }
  return power_law_through(log_flops, log_loss);
}

}  // namespace

std::vector<int> points_on_envelope(const Points& points, const std::vector<double>& flops,
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

LowerEnvelope lower_envelope(const Points& points, const std::vector<double>& flops, int draws,
                             std::uint64_t seed) {
  if (flops.size() != points.size())
    throw std::invalid_argument("lower_envelope: one compute value a point is needed");
  LowerEnvelope result;
  result.points = points_on_envelope(points, flops, std::vector<double>(points.size(), 1));
  const std::optional<PowerLaw> line = loss_law(points, flops, result.points);
  if (!line)
    throw std::invalid_argument("lower_envelope: fewer than two points lie on the envelope");
  result.flops = {flops[static_cast<std::size_t>(result.points.front())],
                  flops[static_cast<std::size_t>(result.points.back())]};
  const Resampler resampler(points, Resampling::kClusters, seed);
  std::vector<std::optional<double>> coefficients, exponents;
  for (int draw = 0; draw < draws; ++draw) {
    const std::optional<PowerLaw> other =
        loss_law(points, flops, points_on_envelope(points, flops, resampler.draw(draw).count));
    coefficients.push_back(other ? std::optional(std::exp(other->log_constant)) : std::nullopt);
    exponents.push_back(other ? std::optional(-other->exponent) : std::nullopt);
  }
  result.coefficient = summarise(std::exp(line->log_constant), coefficients);
  result.exponent = summarise(-line->exponent, exponents);
  return result;
}

}  // namespace crosslaw::fit
