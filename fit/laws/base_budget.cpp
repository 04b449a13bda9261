#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

// theta = (log E, log A, alpha, log B, beta, gamma, delta)
struct BaseBudget {
  static constexpr int kSize = 7;

  template <class Number>
  static std::array<Number, 3> log_terms(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, gamma, delta] = theta;
    return {e, a + alpha * -at.log_params,
            b + beta * -at.log_tokens + gamma * -at.log_params +
                delta * -(at.log_tokens + at.log_base_ratio)};
  }
};

// log D1 = log D + ratio moves with log D.
void shift_budget(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += (theta[4] + theta[6]) * dy + theta[5] * dx;
}

// theta = (log E, log A, alpha, log B, beta, delta, kappa)
struct BaseInteraction {
  static constexpr int kSize = 7;

  template <class Number>
  static std::array<Number, 3> log_terms(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, delta, kappa] = theta;
    const double base = at.log_tokens + at.log_base_ratio;
    return {e, a + alpha * -at.log_params,
            b + beta * -at.log_tokens + delta * -base + kappa * (at.log_tokens * base)};
  }
};

// kappa y z with y and z both moved by dy: kappa (y z - dy (y + z) + dy^2).
void shift_interaction(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += (theta[4] + theta[5] + theta[6] * dy) * dy;
  theta[4] += theta[6] * dy;
  theta[5] += theta[6] * dy;
}

constexpr CoefficientInfo kDelta{"delta", Kind::kExponent, Axis::kBase, -10, 28, -0.2, 0.5};

}  // namespace

const Law& base_budget_law() {
  static const Law law{"base-budget",
                       "L = E + A/N^alpha + B/(D^beta N^gamma D1^delta)",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kGamma, kDelta},
                       terms_log_loss<BaseBudget>,
                       kernel_accumulate<TermsKernel<BaseBudget>>,
                       shift_budget,
                       balance_two_terms,
                       formula_log_terms<BaseBudget>};
  return law;
}

const Law& base_interaction_law() {
  static const CoefficientInfo kappa{"kappa", Kind::kExponent, Axis::kBase, -2, 2, -0.05, 0.05};
  static const Law law = [] {
    Law out{"base-interaction",
            "L = E + A/N^alpha + B D^(-beta + kappa log D1)/D1^delta",
            {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kDelta, kappa},
            terms_log_loss<BaseInteraction>,
            kernel_accumulate<TermsKernel<BaseInteraction>>,
            shift_interaction,
            balance_two_terms,
            formula_log_terms<BaseInteraction>};
    out.constrainable = false;  // its exponents move with the origin too
    return out;
  }();
  return law;
}

}  // namespace crosslaw::fit
