#include <algorithm>
#include <array>
#include <cmath>

#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

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

void shift(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += theta[4] * dy;
}

// (A + B)^k = reducible.
void balance(double* theta, double reducible, double share) {
  // Shares are of the sum inside the power, where the two terms add up.
  const double inside = std::log(reducible) / theta[5];
  theta[1] = inside + std::log(share);
  theta[3] = inside + std::log1p(-share);
}

}  // namespace

const Law& outer_law() {
  static const CoefficientInfo k{"k", Kind::kExponent, Axis::kNone, 0.01, 12, 0.06, 2.5};
  static const Law law{"outer",
                       "L = E + (A/N^alpha + B/D^beta)^k",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, k},
                       kernel_log_loss<OuterKernel>,
                       kernel_accumulate<OuterKernel>,
                       shift,
                       balance};
  return law;
}

}  // namespace crosslaw::fit
