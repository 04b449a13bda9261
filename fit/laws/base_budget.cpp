#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

// theta = (log E, log A, alpha, log B, beta, gamma, delta)
double base_data(const double* theta, const Sample& at) {
  return theta[3] - theta[4] * at.log_tokens - theta[5] * at.log_params -
         theta[6] * (at.log_tokens + at.log_base_ratio);
}

struct BaseBudget {
  static constexpr int kSize = 7;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, gamma, delta] = theta;
    const Number size = a + alpha * -at.log_params;
    const Number data = b + beta * -at.log_tokens + gamma * -at.log_params +
                        delta * -(at.log_tokens + at.log_base_ratio);
    return log_sum_exp(e, log_sum_exp(size, data));
  }
};

// log D1 = log D + ratio moves with log D.
void shift_budget(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += (theta[4] + theta[6]) * dy + theta[5] * dx;
}

void log_terms(const double* theta, const Sample& at, double* out) {
  out[0] = theta[0];
  out[1] = theta[1] - theta[2] * at.log_params;
  out[2] = base_data(theta, at);
}

// theta = (log E, log A, alpha, log B, beta, delta, kappa)
struct BaseInteraction {
  static constexpr int kSize = 7;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, delta, kappa] = theta;
    const double base = at.log_tokens + at.log_base_ratio;
    const Number size = a + alpha * -at.log_params;
    const Number data = b + beta * -at.log_tokens + delta * -base + kappa * (at.log_tokens * base);
    return log_sum_exp(e, log_sum_exp(size, data));
  }
};

// kappa y z with y and z both moved by dy: kappa (y z - dy (y + z) + dy^2).
void shift_interaction(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += (theta[4] + theta[5] + theta[6] * dy) * dy;
  theta[4] += theta[6] * dy;
  theta[5] += theta[6] * dy;
}

void log_interaction_terms(const double* theta, const Sample& at, double* out) {
  const double base = at.log_tokens + at.log_base_ratio;
  out[0] = theta[0];
  out[1] = theta[1] - theta[2] * at.log_params;
  out[2] = theta[3] - theta[4] * at.log_tokens - theta[5] * base + theta[6] * at.log_tokens * base;
}

constexpr CoefficientInfo kDelta{"delta", Kind::kExponent, Axis::kBase, -10, 28, -0.2, 0.5};

}  // namespace

const Law& base_budget_law() {
  static const Law law{"base-budget",
                       "L = E + A/N^alpha + B/(D^beta N^gamma D1^delta)",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kGamma, kDelta},
                       formula_log_loss<BaseBudget>,
                       kernel_accumulate<FormulaKernel<BaseBudget>>,
                       shift_budget,
                       balance_two_terms,
                       log_terms};
  return law;
}

const Law& base_interaction_law() {
  static const CoefficientInfo kappa{"kappa", Kind::kExponent, Axis::kBase, -2, 2, -0.05, 0.05};
  static const Law law = [] {
    Law out{"base-interaction",
            "L = E + A/N^alpha + B D^(-beta + kappa log D1)/D1^delta",
            {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kDelta, kappa},
            formula_log_loss<BaseInteraction>,
            kernel_accumulate<FormulaKernel<BaseInteraction>>,
            shift_interaction,
            balance_two_terms,
            log_interaction_terms};
    out.constrainable = false;  // its exponents move with the origin too
    return out;
  }();
  return law;
}

}  // namespace crosslaw::fit
