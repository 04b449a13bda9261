#include "fit/frontier/lower_envelope.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include "fit/laws/power_law.h"
#include "fit/solve/resample.h"

namespace crosslaw::fit {
namespace {

// A floor costs a coefficient: AICc must fall by more than this for it (Burnham and Anderson 2002,
// section 2.6: within 2 both models have support).
constexpr double kClearlyBetter = 2;

struct Lowest {
  std::vector<double> log_flops, log_loss;
};

Lowest lowest_of(const Points& points, const std::vector<double>& flops,
                 const std::vector<int>& chosen) {
  Lowest out;
  for (const int i : chosen) {
    out.log_flops.push_back(std::log(flops[static_cast<std::size_t>(i)]));
    out.log_loss.push_back(std::log(points[static_cast<std::size_t>(i)].loss));
  }
  return out;
}

// Of normal residuals with this rms around a curve of so many coefficients; their spread is one
// more.
double small_sample_criterion(double rms, int coefficients, std::size_t points) {
  const auto n = static_cast<double>(points);
  const double k = coefficients + 1;
  if (n - k - 1 <= 0) return std::numeric_limits<double>::infinity();
  return 2 * n * std::log(std::max(rms, 1e-12)) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

bool shows_floor(const Lowest& at) {
  const std::optional<PowerLaw> straight = power_law_through(at.log_flops, at.log_loss);
  const std::optional<FlooredPowerLaw> floored =
      floored_power_law_through(at.log_flops, at.log_loss);
  if (!straight || !floored || floored->floor <= 0) return false;
  const std::size_t n = at.log_flops.size();
  return small_sample_criterion(floored->rest.rms, 3, n) + kClearlyBetter <
         small_sample_criterion(straight->rms, 2, n);
}

std::optional<FlooredPowerLaw> curve_through(const Lowest& at, bool floored) {
  if (floored) return floored_power_law_through(at.log_flops, at.log_loss);
  const std::optional<PowerLaw> line = power_law_through(at.log_flops, at.log_loss);
  if (!line) return std::nullopt;
  return FlooredPowerLaw{0, *line};
}

}  // namespace

double LowerEnvelope::loss_at(double at_flops) const {
  return std::exp(curve.log_at(std::log(at_flops)));
}

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
  const Lowest lowest = lowest_of(points, flops, result.points);
  const bool floored = shows_floor(lowest);
  const std::optional<FlooredPowerLaw> curve = curve_through(lowest, floored);
  if (!curve)
    throw std::invalid_argument("lower_envelope: fewer than two points lie on the envelope");
  result.flops = {flops[static_cast<std::size_t>(result.points.front())],
                  flops[static_cast<std::size_t>(result.points.back())]};
  const Resampler resampler(points, Resampling::kClusters, seed);
  for (int draw = 0; draw < draws; ++draw) {
    const std::vector<int> chosen = points_on_envelope(points, flops, resampler.draw(draw).count);
    result.draws.push_back(curve_through(lowest_of(points, flops, chosen), floored));
  }
  result.curve = *curve;
  const auto spread = [&](const auto& quantity) {
    std::vector<std::optional<double>> values;
    for (const std::optional<FlooredPowerLaw>& each : result.draws)
      values.push_back(each ? std::optional<double>(quantity(*each)) : std::nullopt);
    return summarise(quantity(*curve), values);
  };
  result.coefficient =
      spread([](const FlooredPowerLaw& law) { return std::exp(law.rest.log_constant); });
  result.exponent = spread([](const FlooredPowerLaw& law) { return -law.rest.exponent; });
  if (floored) result.floor = spread([](const FlooredPowerLaw& law) { return law.floor; });
  return result;
}

}  // namespace crosslaw::fit
