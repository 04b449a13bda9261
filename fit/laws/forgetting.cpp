#include <cmath>

#include "fit/laws/jet.h"
#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using std::exp, std::log;

// theta = (E, log A, alpha, log B, beta)
struct Forgetting {
  static constexpr int kSize = 5;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto& [e, a, alpha, b, beta] = theta;
    const Number held = log(exp(b) * (1 - at.target_share) + 1.0);  // log(1 + B p)
    const Number forgotten = a + beta * at.log_tokens - alpha * (held + at.log_params);
    return log(exp(forgotten) + e + at.loss_before);
  }
};

void shift(double* theta, double dx, double dy) { theta[1] += theta[2] * dx - theta[4] * dy; }

void guess(double* theta, const Sample& middle, std::span<const double> u) {
  const double loss = std::exp(middle.log_loss);
  theta[0] = 0.1 * loss * (u[0] - 0.5);
  theta[2] = 0.04 * std::pow(35, u[2]);
  theta[3] = 7 * u[3];
  theta[4] = 0.04 * std::pow(35, u[4]);
  // The middle of the points may show no loss at all: some of it is guessed then.
  const double forgotten = std::max(loss - middle.loss_before - theta[0], 0.01 * loss * u[1]);
  theta[1] =
      std::log(forgotten) + theta[2] * std::log1p(std::exp(theta[3]) * (1 - middle.target_share));
}

}  // namespace

const Law& forgetting_law() {
  // In the unit of the losses, of either sign: what all runs gain or lose alike.
  static const CoefficientInfo floor{"E", Kind::kExponent, Axis::kLossBefore, -10, 10};
  static const CoefficientInfo b{"B", Kind::kLevel, Axis::kShare, -7, 20};
  static const Law law = [] {
    Law out{"forgetting",
            "L = L0 + E + A D^beta/((1 + B p) N)^alpha, p = 1 - r",
            {floor, kLevelA, kAlpha, b, kBeta},
            formula_log_loss<Forgetting>,
            kernel_accumulate<FormulaKernel<Forgetting>>,
            shift};
    out.guess = guess;
    return out;
  }();
  return law;
}

}  // namespace crosslaw::fit
