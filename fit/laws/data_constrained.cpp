#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using std::exp, std::log;

// log of U + U R* (1 - exp(-R/R*)), R = X/U - 1: what X is worth when only U of it is new.
template <class Number>
Number log_worth(const Number& log_unique, const Number& log_ratio, const Number& log_half) {
  constexpr double kFaded = 6.5;  // log(R/R*) beyond which exp(-R/R*) is 0
  // Further repeats add nothing by then, and exp of their number would overflow.
  if (value_of(log_ratio) - value_of(log_half) > kFaded) {
    return log_unique + log(exp(log_half) + 1.0);
  }
  const Number repeats = exp(log_ratio) + -1.0;
  const Number faded = exp(repeats * inverse(exp(log_half)) * -1.0);
  return log_unique + log(exp(log_half) * (faded * -1.0 + 1.0) + 1.0);
}

// theta = (log E, log A, alpha, log B, beta, log R_D, log R_N)
struct DataConstrained {
  static constexpr int kSize = 7;

  template <class Number>
  static std::array<Number, 3> log_terms(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, log_rd, log_rn] = theta;
    Number size = a + alpha * -at.log_params;
    Number data = b + beta * -at.log_tokens;
    if (at.log_unique_share < 0) {
      const double log_unique = at.log_tokens + at.log_unique_share;
      data = b - beta * log_worth(Number(log_unique), Number(-at.log_unique_share), log_rd);
      // The size that is compute-optimal for the unique tokens: alpha A/N^alpha = beta B/U^beta.
      const Number optimal = (log(alpha) + a - log(beta) - b + beta * log_unique) * inverse(alpha);
      if (value_of(optimal) < at.log_params) {
        size = a - alpha * log_worth(optimal, optimal * -1.0 + at.log_params, log_rn);
      }
    }
    return {e, size, data};
  }
};

}  // namespace

const Law& data_constrained_law() {
  static const CoefficientInfo alpha{"alpha", Kind::kExponent, Axis::kParams, 0.01, 28, 0.04, 1.4};
  static const CoefficientInfo beta{"beta", Kind::kExponent, Axis::kTokens, 0.01, 28, 0.04, 1.4};
  static const CoefficientInfo repeats{"R_D", Kind::kLevel, Axis::kRepeats, -7, 14, 0, 4};
  static const CoefficientInfo excess{"R_N", Kind::kLevel, Axis::kRepeats, -7, 14, 0, 4};
  static const Law law{"data-constrained",
                       "L = E + A/N'^alpha + B/D'^beta, D' = U + U R_D (1 - exp(-(D/U - 1)/R_D)), "
                       "N' alike with R_N and the size optimal for U",
                       {kFloorE, kLevelA, alpha, kLevelB, beta, repeats, excess},
                       terms_log_loss<DataConstrained>,
                       kernel_accumulate<TermsKernel<DataConstrained>>,
                       shift_two_terms<false>,
                       balance_two_terms};
  return law;
}

}  // namespace crosslaw::fit
