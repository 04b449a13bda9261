#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using std::log;

// r^eta at r = 0 has no log; a share this small is none.
constexpr double kNoShare = 1e-12;

// theta = (log E, log A, alpha, log B, beta, eta, log C, gamma_r, eps)
struct DCpt {
  static constexpr int kSize = 9;

  template <class Number>
  static std::array<Number, 4> log_terms(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, eta, c, gamma, eps] = theta;
    const double log_share = log(std::max(at.target_share, kNoShare));
    return {e, a + alpha * -at.log_params, b + beta * -at.log_tokens + eta * log_share,
            c - gamma * log(eps + at.target_share)};
  }
};

// The origin is at r = 1. The term of the share is the smallest: it takes a fifth of the rest.
void balance(double* theta, double reducible, double share) {
  constexpr double kPart = 0.2;
  theta[1] = std::log(reducible * share);
  theta[3] = std::log(reducible * (1 - share) * (1 - kPart));
  theta[6] = std::log(reducible * (1 - share) * kPart) + theta[7] * std::log1p(theta[8]);
}

}  // namespace

const Law& d_cpt_law() {
  static const CoefficientInfo eta{"eta", Kind::kExponent, Axis::kShare, -10, 10, -0.5, 1.5};
  static const CoefficientInfo level{"C", Kind::kLevel, Axis::kShare, -150, 50};
  static const CoefficientInfo gamma{"gamma_r", Kind::kExponent, Axis::kShare, -1, 28, 0.04, 2};
  static const CoefficientInfo eps{"eps", Kind::kExponent, Axis::kShare, 1e-6, 20, 0.005, 2};
  static const Law law{"d-cpt",
                       "L = E + A/N^alpha + B r^eta/D^beta + C/(r + eps)^gamma_r",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, eta, level, gamma, eps},
                       terms_log_loss<DCpt>,
                       kernel_accumulate<TermsKernel<DCpt>>,
                       shift_two_terms<false>,
                       balance,
                       formula_log_terms<DCpt>};
  return law;
}

}  // namespace crosslaw::fit
