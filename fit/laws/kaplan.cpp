#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

// theta = (log A, alpha, log B, beta)
struct Kaplan {
  static constexpr int kSize = 4;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [a, alpha, b, beta] = theta;
    const Number per_beta = inverse(beta);
    const Number size = (a + alpha * -at.log_params) * per_beta;
    const Number data = b * per_beta + -at.log_tokens;
    return beta * log_sum_exp(size, data);
  }
};

void shift(double* theta, double dx, double dy) {
  theta[0] += theta[1] * dx;
  theta[2] += theta[3] * dy;
}

// (A^(1/beta) + B^(1/beta))^beta = reducible.
void balance(double* theta, double reducible, double share) {
  // In this form the terms add up under the root beta, so that shares are powers there.
  theta[0] = std::log(reducible) + theta[3] * std::log(share);
  theta[2] = std::log(reducible) + theta[3] * std::log1p(-share);
}

double critical_params(const Theta& theta) { return std::exp(theta[0] / theta[1]); }
double critical_tokens(const Theta& theta) { return std::exp(theta[2] / theta[3]); }

}  // namespace

const Law& kaplan_law() {
  static const CoefficientInfo beta{"beta", Kind::kExponent, Axis::kTokens, 1e-3, 28, 0.01, 1.4};
  static const Law law{"kaplan",
                       "L = ((A/N^alpha)^(1/beta) + (B/D^beta)^(1/beta))^beta",
                       {kLevelA, kAlpha, kLevelB, beta},
                       formula_log_loss<Kaplan>,
                       kernel_accumulate<FormulaKernel<Kaplan>>,
                       shift,
                       balance,
                       nullptr,
                       {{"N_c", critical_params}, {"D_c", critical_tokens}}};
  return law;
}

}  // namespace crosslaw::fit
