#include <algorithm>
#include <array>
#include <cmath>

#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"
#include "fit/laws/straight_law.h"

namespace crosslaw::fit {
namespace {

// e^a + e^b from its logs, with one exponential and one logarithm, which are all that a fit costs.
struct Sum {
  double log, first, second;  // log of the sum; shares of both

  Sum(double a, double b) {
    const double less = std::exp(-std::abs(a - b));  // the smaller over the larger
    const double larger = 1 / (1 + less);
    log = std::max(a, b) + std::log(1 + less);
    first = a >= b ? larger : less * larger;
    second = a >= b ? less * larger : larger;
  }
};

// theta = (log E, log A, alpha, log B, beta, k). With m = log(A/N^alpha + B/D^beta) and u = k m the
// loss is e^(log E) + e^u; written out, it takes a quarter of the time of derivatives by jets.
class OuterKernel {
 public:
  static constexpr int kSize = 6;

  explicit OuterKernel(const double* theta) : theta_(theta) {}

  double log_loss(const Sample& at, double* gradient) {
    const double size = theta_[1] - theta_[2] * at.log_params;
    const double data = theta_[3] - theta_[4] * at.log_tokens;
    const Sum terms(size, data);
    const double inside = terms.log;
    const double k = theta_[5], power = k * inside;
    const Sum loss(theta_[0], power);
    floor_ = loss.first;
    rest_ = loss.second;
    const double size_share = terms.first, data_share = terms.second;
    shares_ = size_share * data_share;
    // d inside / d theta, and of the power.
    inside_ = {0, size_share, -at.log_params * size_share, data_share, -at.log_tokens * data_share};
    x_ = at.log_params;
    y_ = at.log_tokens;
    for (std::size_t i = 1; i < 5; ++i) power_[i] = k * inside_[i];
    power_[5] = inside;
    gradient[0] = floor_;
    for (std::size_t i = 1; i < 6; ++i) gradient[i] = rest_ * power_[i];
    return loss.log;
  }

  // d2 L / L: of e^u it is (u_i u_j + u_ij) e^u, u_ij = k m_ij and u_ik = m_i.
  void add_curvature(double scale, double* square) const {
    const double rest = scale * rest_;
    square[0] += scale * floor_;
    for (std::size_t j = 1; j < 6; ++j) {
      for (std::size_t i = j; i < 6; ++i) square[j * 6 + i] += rest * power_[i] * power_[j];
    }
    // m_ij = p q (+1 within a term, -1 across): the slopes of size - data.
    const std::array<double, 5> apart = {0, 1, -x_, -1, y_};
    const double bent = rest * theta_[5] * shares_;
    for (std::size_t j = 1; j < 5; ++j) {
      for (std::size_t i = j; i < 5; ++i) square[j * 6 + i] += bent * apart[i] * apart[j];
      square[j * 6 + 5] += rest * inside_[j];
    }
  }

 private:
  const double* theta_;
  double floor_ = 0, rest_ = 0, shares_ = 0, x_ = 0, y_ = 0;
  std::array<double, 5> inside_{};  // slopes of m
  std::array<double, 6> power_{};   // slopes of u
};

// The same loss by theta = (log L0, p, a, q, b, log k) as the straight coordinates of a sum of
// powers (straight_law.cpp), to which they come down at k = 1: L0 is the loss at the origin, a = k
// alpha, b = k beta, U = e^p / a and V = e^q / b are what both terms have of it there, and L / L0 =
// 1 - r + r^(1-k) (U e^(-a x/k) + V e^(-b y/k))^k with r = U + V.
class StraightKernel {
 public:
  static constexpr int kSize = 6;

  explicit StraightKernel(const double* theta)
      : theta_(theta),
        k_(std::exp(theta[kBend])),
        at_origin_(theta[kP] - std::log(theta[kA]), theta[kQ] - std::log(theta[kB])),
        r_(std::exp(at_origin_.log)) {}

  double log_loss(const Sample& at, double* gradient) {
    const double a = theta_[kA], b = theta_[kB];
    x_ = at.log_params / k_;
    y_ = at.log_tokens / k_;
    const Sum here(theta_[kP] - std::log(a) - a * x_, theta_[kQ] - std::log(b) - b * y_);
    first_ = here.first;
    // Slopes of the logs of both terms here, and of h = log r^(1-k) (...)^k.
    size_ = {0, 1, -1 / a - x_, 0, 0, a * x_};
    data_ = {0, 0, 0, 1, -1 / b - y_, b * y_};
    apart_ = here.log - at_origin_.log;
    const std::array<double, kSize> of_r = slopes_of_r();
    const double term = std::exp(at_origin_.log + k_ * apart_);
    relative_ = 1 - r_ + term;
    term_ = term / relative_;
    gradient[0] = 1;
    for (std::size_t i = 1; i < kSize; ++i) {
      inner_[i] = here.first * size_[i] + here.second * data_[i];
      power_[i] = (1 - k_) * of_r[i] + k_ * inner_[i];
    }
    power_[kBend] += k_ * apart_;
    for (std::size_t i = 1; i < kSize; ++i) {
      gradient[i] = term_ * power_[i] - r_ / relative_ * of_r[i];
      slope_[i] = gradient[i];
    }
    return theta_[0] + std::log(relative_);
  }

  // d2 L / L: of r^(1-k) (...)^k = e^h it is (h_i h_j + h_ij) e^h.
  void add_curvature(double scale, double* square) const {
    const double a = theta_[kA], b = theta_[kB], second = 1 - first_;
    const double share = at_origin_.first, rest = at_origin_.second;
    const std::array<double, kSize> of_r = slopes_of_r();
    const std::array<double, kSize> origin = {0, 1, -1 / a, -1, 1 / b, 0};  // size less data
    const double r = r_ / relative_;
    square[0] += scale;
    for (std::size_t i = 1; i < kSize; ++i) square[i] += scale * slope_[i];
    for (std::size_t j = 1; j < kSize; ++j) {
      for (std::size_t i = j; i < kSize; ++i) {
        const double log_r = share * rest * origin[i] * origin[j];
        const double log_here = first_ * second * (size_[i] - data_[i]) * (size_[j] - data_[j]);
        const double h = (1 - k_) * log_r + k_ * log_here;
        square[j * kSize + i] +=
            scale * (term_ * (power_[i] * power_[j] + h) - r * (log_r + of_r[i] * of_r[j]));
      }
    }
    // What the logs of the terms have of second derivatives of their own, and k of itself.
    const auto add = [&](std::size_t row, std::size_t column, double value) {
      square[column * kSize + row] += scale * value;
    };
    const double mixed_a = (1 - k_) * share + k_ * first_, mixed_b = (1 - k_) * rest + k_ * second;
    add(kA, kA, (term_ * mixed_a - r * share) / (a * a));
    add(kB, kB, (term_ * mixed_b - r * rest) / (b * b));
    add(kBend, kA, term_ * k_ * first_ * x_);
    add(kBend, kB, term_ * k_ * second * y_);
    for (std::size_t i = 1; i < kBend; ++i) add(kBend, i, term_ * k_ * (inner_[i] - of_r[i]));
    add(kBend, kBend,
        term_ * k_ * (apart_ + 2 * inner_[kBend] - first_ * a * x_ - second * b * y_));
  }

 private:
  static constexpr std::size_t kP = 1, kA = 2, kQ = 3, kB = 4, kBend = 5;

  std::array<double, kSize> slopes_of_r() const {  // of log r
    const double share = at_origin_.first, rest = at_origin_.second;
    return {0, share, -share / theta_[kA], rest, -rest / theta_[kB], 0};
  }

  const double* theta_;
  double k_;
  Sum at_origin_;  // of U and V
  double r_;
  double x_ = 0, y_ = 0, first_ = 0, apart_ = 0, relative_ = 0, term_ = 0;
  std::array<double, kSize> size_{}, data_{}, inner_{}, power_{}, slope_{};
};

bool straighten(double* theta) {
  const double k = theta[5], a = k * theta[2], b = k * theta[4];
  if (!(a >= kLeastExponent) || !(b >= kLeastExponent)) return false;
  const Sum terms(theta[1], theta[3]);
  const Sum loss(theta[0], k * terms.log);
  const double share = k * terms.log - loss.log;  // log r
  const double less = theta[3] - theta[1];
  const double first = -std::log1p(std::exp(-std::abs(less))) - std::max(0.0, less);
  theta[0] = loss.log;
  theta[1] = share + first + std::log(a);
  theta[2] = a;
  theta[3] = share + first + less + std::log(b);
  theta[4] = b;
  theta[5] = std::log(k);
  return true;
}

void bend(double* theta) {
  lift_floor(theta);
  const double k = std::exp(theta[5]);
  const double size = theta[1] - std::log(theta[2]), data = theta[3] - std::log(theta[4]);
  const double share = Sum(size, data).log, rest = -std::expm1(share);
  const double whole = (theta[0] + share) / k;  // log(A + B)
  theta[0] += rest > 0 ? std::max(std::log(rest), kNoFloor) : kNoFloor;
  theta[1] = whole + size - share;
  theta[2] /= k;
  theta[3] = whole + data - share;
  theta[4] /= k;
  theta[5] = k;
}

// (A + B)^k = reducible.
void balance(double* theta, double reducible, double share) {
  // Shares are of the sum inside the power, where the two terms add up.
  const double inside = std::log(reducible) / theta[5];
  theta[1] = inside + std::log(share);
  theta[3] = inside + std::log1p(-share);
}

constexpr CoefficientInfo kOuterK{"k", Kind::kExponent, Axis::kNone, 0.01, 12, 0.06, 2.5};

}  // namespace

const Law& outer_law() {
  static const Law law{"outer",
                       "L = E + (A/N^alpha + B/D^beta)^k",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kOuterK},
                       kernel_log_loss<OuterKernel>,
                       kernel_accumulate<OuterKernel>,
                       shift_two_terms<false>,
                       balance};
  return law;
}

const StraightLaw& straight_outer() {
  static const Law straight{
      "straight",
      "L/L0 = 1 - r + r^(1-k) (U N^(-a/k) + V D^(-b/k))^k, U = e^p/a, V = e^q/b, r = U + V",
      {{"L0", Kind::kLevel, Axis::kNone, -1000, 1000},
       {"p", Kind::kExponent, Axis::kParams, -150, 50},
       {"a", Kind::kExponent, Axis::kParams, kLeastExponent, 336},
       {"q", Kind::kExponent, Axis::kTokens, -150, 50},
       {"b", Kind::kExponent, Axis::kTokens, kLeastExponent, 336},
       {"log k", Kind::kExponent, Axis::kNone, std::log(kOuterK.lower), std::log(kOuterK.upper)}},
      kernel_log_loss<StraightKernel>,
      kernel_accumulate<StraightKernel>,
      nullptr};
  static const StraightLaw outer{&straight, straighten, bend, nullptr};
  return outer;
}

}  // namespace crosslaw::fit
