#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using std::exp, std::log;

// r^eta at r = 0 has no log; a share this small is none.
constexpr double kNoShare = 1e-12;

// theta = (log E, log A, alpha, log B, beta, eta, log C, gamma_r, eps)
struct DCpt {
  static constexpr int kSize = 9;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta, eta, c, gamma, eps] = theta;
    const double log_share = log(std::max(at.target_share, kNoShare));
    const Number size = a + alpha * -at.log_params;
    const Number data = b + beta * -at.log_tokens + eta * log_share;
    const Number share = c - gamma * log(eps + at.target_share);
    return log_sum_exp(log_sum_exp(e, size), log_sum_exp(data, share));
  }
};

void shift(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += theta[4] * dy;
}

// The origin is at r = 1. The term of the share is the smallest: it takes a fifth of the rest.
void balance(double* theta, double reducible, double share) {
  constexpr double kPart = 0.2;
  theta[1] = std::log(reducible * share);
  theta[3] = std::log(reducible * (1 - share) * (1 - kPart));
  theta[6] = std::log(reducible * (1 - share) * kPart) + theta[7] * std::log1p(theta[8]);
}

void log_terms(const double* theta, const Sample& at, double* out) {
  out[0] = theta[0];
  out[1] = theta[1] - theta[2] * at.log_params;
  out[2] = theta[3] - theta[4] * at.log_tokens +
           theta[5] * std::log(std::max(at.target_share, kNoShare));
  out[3] = theta[6] - theta[7] * std::log(theta[8] + at.target_share);
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
                       formula_log_loss<DCpt>,
                       kernel_accumulate<FormulaKernel<DCpt>>,
                       shift,
                       balance,
                       log_terms};
  return law;
}

}  // namespace crosslaw::fit
