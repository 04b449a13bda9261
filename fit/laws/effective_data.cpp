#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using std::exp, std::log;

// theta = (log E, log A, alpha, log B, beta, gamma, tau)
struct EffectiveData {
  static constexpr int kSize = 7;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, gamma, tau] = theta;
    // D_eff / D; other text than the target's is worth tau.
    const Number share = log(tau * (1 - at.target_share) + at.target_share);
    const Number size = a + alpha * -at.log_params;
    const Number data = b - beta * (share + at.log_tokens) + gamma * -at.log_params;
    return log_sum_exp(e, log_sum_exp(size, data));
  }
};

// theta = (log E, log A, alpha, log B, beta, gamma, tau, log R_D)
struct EffectiveDataRepeats {
  static constexpr int kSize = 8;

  // What r D target tokens are worth of which only U are new, over D.
  template <class Number>
  static Number worth(const Number& log_half, const Sample& at) {
    const double unique = exp(at.log_unique_share);
    // Unique tokens are the target's: fewer than r D of them means that it repeats.
    if (!(unique < at.target_share)) return log_half * 0.0 + at.target_share;
    const double repeats = at.target_share / unique - 1;
    const Number faded = exp(inverse(exp(log_half)) * -repeats);
    return (exp(log_half) * (faded * -1.0 + 1.0) + 1.0) * unique;
  }

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, gamma, tau, log_half] = theta;
    const Number share = log(tau * (1 - at.target_share) + worth(log_half, at));
    const Number size = a + alpha * -at.log_params;
    const Number data = b - beta * (share + at.log_tokens) + gamma * -at.log_params;
    return log_sum_exp(e, log_sum_exp(size, data));
  }
};

void shift(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += theta[4] * dy + theta[5] * dx;
}

void log_terms(const double* theta, const Sample& at, double* out) {
  const double share = std::log(at.target_share + theta[6] * (1 - at.target_share));
  out[0] = theta[0];
  out[1] = theta[1] - theta[2] * at.log_params;
  out[2] = theta[3] - theta[4] * (at.log_tokens + share) - theta[5] * at.log_params;
}

// Above 0, so that other text alone still counts for something and its log exists.
constexpr CoefficientInfo kTau{"tau", Kind::kExponent, Axis::kShare, 1e-6, 20, 0.02, 1.5};

}  // namespace

const Law& effective_data_law() {
  static const Law law{"effective-data",
                       "L = E + A/N^alpha + B/(D_eff^beta N^gamma), D_eff = (r + tau (1 - r)) D",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kGamma, kTau},
                       formula_log_loss<EffectiveData>,
                       kernel_accumulate<FormulaKernel<EffectiveData>>,
                       shift,
                       balance_two_terms,
                       log_terms};
  return law;
}

const Law& effective_data_repeats_law() {
  static const CoefficientInfo repeats{"R_D", Kind::kLevel, Axis::kRepeats, -7, 14, 0, 4};
  static const Law law{"effective-data-repeats",
                       "L = E + A/N^alpha + B/(D_eff^beta N^gamma), D_eff = D' + tau (1 - r) D, "
                       "D' = U + U R_D (1 - exp(-(r D/U - 1)/R_D))",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kGamma, kTau, repeats},
                       formula_log_loss<EffectiveDataRepeats>,
                       kernel_accumulate<FormulaKernel<EffectiveDataRepeats>>,
                       shift,
                       balance_two_terms};
  return law;
}

}  // namespace crosslaw::fit
