#include "fit/solve/spread.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace crosslaw::fit {

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) throw std::invalid_argument("quantile of nothing");
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  if (sorted[below] == sorted[above]) return sorted[below];
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Estimate summarise(std::optional<double> value, const std::vector<std::optional<double>>& draws) {
  Estimate out;
  out.value = value;
  std::vector<double> values;
  for (const std::optional<double>& each : draws) {
    if (each && !std::isnan(*each)) values.push_back(*each);
  }
  if (draws.empty()) return out;
  out.undefined = 1 - static_cast<double>(values.size()) / static_cast<double>(draws.size());
  if (values.size() < kFewestDraws) return out;
  std::sort(values.begin(), values.end());
  // In units of the largest value, whose square may be beyond a double.
  const double unit = std::max({std::abs(values.front()), std::abs(values.back()), 1e-300});
  double mean = 0;
  for (const double each : values) mean += each / unit / static_cast<double>(values.size());
  double squares = 0;
  for (const double each : values) squares += std::pow(each / unit - mean, 2);
  const double se = unit * std::sqrt(squares / static_cast<double>(values.size() - 1));
  if (std::isfinite(se)) out.se = se;
  const Range interval{quantile(values, kTail), quantile(values, 1 - kTail)};
  const bool finite = std::isfinite(interval.low) && std::isfinite(interval.high);
  if (out.undefined <= kTail && finite) out.ci95 = interval;
  return out;
}

}  // namespace crosslaw::fit
