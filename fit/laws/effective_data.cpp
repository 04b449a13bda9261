#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using std::exp, std::log;

// theta = (log E, log A, alpha, log B, beta, gamma, tau, ...); target text is worth that part of D,
// other text tau of its own.
template <class Number, std::size_t kSize, class Worth>
std::array<Number, 3> effective_terms(const std::array<Number, kSize>& theta, const Sample& at,
                                      const Worth& target_worth) {
  const Number share = log(theta[6] * (1 - at.target_share) + target_worth);  // D_eff / D
  return {theta[0], theta[1] + theta[2] * -at.log_params,
          theta[3] - theta[4] * (share + at.log_tokens) + theta[5] * -at.log_params};
}

struct EffectiveData {
  static constexpr int kSize = 7;

  template <class Number>
  static std::array<Number, 3> log_terms(const std::array<Number, kSize>& theta, const Sample& at) {
    return effective_terms(theta, at, at.target_share);
  }
};

// With log R_D behind tau.
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
  static std::array<Number, 3> log_terms(const std::array<Number, kSize>& theta, const Sample& at) {
    return effective_terms(theta, at, worth(theta[7], at));
  }
};

// Above 0, so that other text alone still counts for something and its log exists.
constexpr CoefficientInfo kTau{"tau", Kind::kExponent, Axis::kShare, 1e-6, 20, 0.02, 1.5};

}  // namespace

const Law& effective_data_law() {
  static const Law law{"effective-data",
                       "L = E + A/N^alpha + B/(D_eff^beta N^gamma), D_eff = (r + tau (1 - r)) D",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kGamma, kTau},
                       terms_log_loss<EffectiveData>,
                       kernel_accumulate<TermsKernel<EffectiveData>>,
                       shift_two_terms<true>,
                       balance_two_terms,
                       formula_log_terms<EffectiveData>};
  return law;
}

const Law& effective_data_repeats_law() {
  static const CoefficientInfo repeats{"R_D", Kind::kLevel, Axis::kRepeats, -7, 14, 0, 4};
  static const Law law{"effective-data-repeats",
                       "L = E + A/N^alpha + B/(D_eff^beta N^gamma), D_eff = D' + tau (1 - r) D, "
                       "D' = U + U R_D (1 - exp(-(r D/U - 1)/R_D))",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kGamma, kTau, repeats},
                       terms_log_loss<EffectiveDataRepeats>,
                       kernel_accumulate<TermsKernel<EffectiveDataRepeats>>,
                       shift_two_terms<true>,
                       balance_two_terms};
  return law;
}

}  // namespace crosslaw::fit
