#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

// theta = (log E, log A, alpha, log B, beta, k)
struct Outer {
  static constexpr int kSize = 6;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, k] = theta;
    const Number size = a + alpha * -at.log_params;
    const Number data = b + beta * -at.log_tokens;
    return log_sum_exp(e, k * log_sum_exp(size, data));
  }
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
                       formula_log_loss<Outer>,
                       kernel_accumulate<FormulaKernel<Outer>>,
                       shift,
                       balance};
  return law;
}

}  // namespace crosslaw::fit
