#pragma once

#include <cmath>

#include "fit/laws/kernel.h"

// The terms of which the power laws are sums, and the kernel of a law with one of each.
namespace crosslaw::fit {

// A/N^alpha as it enters a law: value exp(level - alpha x), x = log N, coefficients (level, alpha)
// in a row from kAt on. Derivatives of an exponential are multiples of it: (1, -x) by the first,
// the product of two of these by the second.
template <int kSize, int kAt>
struct SizeTerm {
  double value = 0;
  double x = 0;

  void set(const double* theta, double log_params) {
    x = log_params;
    value = std::exp(theta[kAt] - theta[kAt + 1] * x);
  }
  void slope(double inverse, double* gradient) const {
    gradient[kAt] = value * inverse;
    gradient[kAt + 1] = -x * gradient[kAt];
  }
  void add_curvature(double scale, double* square) const {
    const double c = scale * value;
    square[kAt * kSize + kAt] += c;
    square[kAt * kSize + kAt + 1] -= c * x;
    square[(kAt + 1) * kSize + kAt + 1] += c * x * x;
  }
};

// B/(D^beta N^gamma): value exp(level - beta y - gamma x), coefficients (level, beta, gamma) in a
// row; with kCross false the same without gamma.
template <int kSize, int kAt, bool kCross>
struct DataTerm {
  double value = 0;
  double x = 0;
  double y = 0;

  void set(const double* theta, double log_params, double log_tokens) {
    x = log_params;
    y = log_tokens;
    double exponent = theta[kAt] - theta[kAt + 1] * y;
    if constexpr (kCross) exponent -= theta[kAt + 2] * x;
    value = std::exp(exponent);
  }
  void slope(double inverse, double* gradient) const {
    gradient[kAt] = value * inverse;
    gradient[kAt + 1] = -y * gradient[kAt];
    if constexpr (kCross) gradient[kAt + 2] = -x * gradient[kAt];
  }
  void add_curvature(double scale, double* square) const {
    const double c = scale * value;
    square[kAt * kSize + kAt] += c;
    square[kAt * kSize + kAt + 1] -= c * y;
    square[(kAt + 1) * kSize + kAt + 1] += c * y * y;
    if constexpr (kCross) {
      square[kAt * kSize + kAt + 2] -= c * x;
      square[(kAt + 1) * kSize + kAt + 2] += c * x * y;
      square[(kAt + 2) * kSize + kAt + 2] += c * x * x;
    }
  }
};

// The bounds every sum-of-powers law searches, in centred coordinates. The floor may fall to
// e^-30 of the smallest loss, where it no longer changes a double: "E = 0" is inside the search.
// They are far wider than any healthy fit, so that a fit that ends at one says something: seven
// points of Cerebras-GPT run to beta = 22.5. First guesses of an exponent span the published ones.
inline constexpr CoefficientInfo kFloorE{"E", Kind::kFloor, Axis::kNone, -30, 0.5};
inline constexpr CoefficientInfo kLevelA{"A", Kind::kLevel, Axis::kParams, -150, 50};
inline constexpr CoefficientInfo kAlpha{"alpha", Kind::kExponent, Axis::kParams, -1, 28, 0.04, 1.4};
inline constexpr CoefficientInfo kLevelB{"B", Kind::kLevel, Axis::kTokens, -150, 50};
inline constexpr CoefficientInfo kBeta{"beta", Kind::kExponent, Axis::kTokens, -1, 28, 0.04, 1.4};
inline constexpr CoefficientInfo kGamma{
    kCrossExponent, Kind::kExponent, Axis::kParams, -10, 10, -0.5, 0.5};

// Law::shift of laws whose first five coefficients are (log E, log A, alpha, log B, beta), followed
// with kCross by gamma.
template <bool kCross>
void shift_two_terms(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  if constexpr (kCross) {
    theta[3] += theta[4] * dy + theta[5] * dx;
  } else {
    theta[3] += theta[4] * dy;
  }
}

// Law::balance of laws with theta[1] = log A and theta[3] = log B whose terms simply add up.
inline void balance_two_terms(double* theta, double reducible, double share) {
  theta[1] = std::log(reducible * share);
  theta[3] = std::log(reducible * (1 - share));
}

// E + A/N^alpha + B/D^beta, theta = (log E, log A, alpha, log B, beta); with kCross
// E + A/N^alpha + B/(D^beta N^gamma), theta = (log E, log A, alpha, log B, beta, gamma).
template <bool kCross>
class PowerSum {
 public:
  static constexpr int kSize = kCross ? 6 : 5;

  explicit PowerSum(const double* theta) : theta_(theta), floor_(std::exp(theta[0])) {}

  double log_loss(const Sample& sample, double* gradient) {
    size_.set(theta_, sample.log_params);
    data_.set(theta_, sample.log_params, sample.log_tokens);
    const double loss = floor_ + size_.value + data_.value;
    inverse_ = 1 / loss;
    gradient[0] = floor_ * inverse_;
    size_.slope(inverse_, gradient);
    data_.slope(inverse_, gradient);
    return std::log(loss);
  }

  void add_curvature(double scale, double* square) const {
    const double per_loss = scale * inverse_;
    square[0] += per_loss * floor_;
    size_.add_curvature(per_loss, square);
    data_.add_curvature(per_loss, square);
  }

 private:
  const double* theta_;
  double floor_;
  double inverse_ = 0;
  SizeTerm<kSize, 1> size_;
  DataTerm<kSize, 3, kCross> data_;
};

}  // namespace crosslaw::fit
