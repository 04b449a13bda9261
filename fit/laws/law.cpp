#include "fit/laws/law.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

int position(const Law& law, std::string_view coefficient) {
  for (int i = 0; i < law.size(); ++i) {
    if (law.coefficients[static_cast<std::size_t>(i)].name == coefficient) return i;
  }
  return -1;
}

}  // namespace

int Law::index(std::string_view coefficient) const {
  const int at = position(*this, coefficient);
  if (at >= 0) return at;
  throw std::invalid_argument(
      fmt::format("law '{}' has no coefficient '{}' ({})", name, coefficient, formula));
}

bool Law::has(std::string_view coefficient) const { return position(*this, coefficient) >= 0; }

bool Law::depends_on(Axis axis) const {
  return std::any_of(coefficients.begin(), coefficients.end(),
                     [axis](const CoefficientInfo& each) { return each.axis == axis; });
}

double coefficient_value(const CoefficientInfo& info, double coordinate) {
  return info.kind == Kind::kExponent ? coordinate : std::exp(coordinate);
}

Theta theta_from_values(const Law& law, std::span<const double> values) {
  if (static_cast<int>(values.size()) != law.size()) {
    throw std::invalid_argument(fmt::format("law '{}' has {} coefficients, {} values were given",
                                            law.name, law.size(), values.size()));
  }
  Theta theta(law.size());
  for (int i = 0; i < law.size(); ++i) {
    const CoefficientInfo& info = law.coefficients[static_cast<std::size_t>(i)];
    const double value = values[static_cast<std::size_t>(i)];
    if (!std::isfinite(value) || (info.kind != Kind::kExponent && value <= 0)) {
      throw std::invalid_argument(fmt::format("coefficient {} = {} of law '{}' must be finite{}",
                                              info.name, value, law.name,
                                              info.kind == Kind::kExponent ? "" : " and above 0"));
    }
    theta[i] = info.kind == Kind::kExponent ? value : std::log(value);
  }
  return theta;
}

Sample sample_of(const Point& point) {
  return {std::log(point.params),
          std::log(point.tokens),
          std::log(point.loss),
          point.weight,
          point.stage,
          std::log(unique_tokens(point) / point.tokens),
          point.target_share,
          point.base_tokens > 0 ? std::log(point.base_tokens / point.tokens) : 0,
          point.loss_before};
}

double predicted_loss(const Law& law, const Theta& theta, const Point& point) {
  return std::exp(law.log_loss(theta.data(), sample_of(point), nullptr));
}

double predicted_loss(const Law& law, const Theta& theta, double params, double tokens, Stage stage,
                      double unique_tokens) {
  // More distinct tokens than tokens seen means that none is seen twice.
  const double share = unique_tokens > 0 ? std::log(std::min(1.0, unique_tokens / tokens)) : 0;
  const Sample at{std::log(params), std::log(tokens), 0, 1, stage, share};
  return std::exp(law.log_loss(theta.data(), at, nullptr));
}

}  // namespace crosslaw::fit
