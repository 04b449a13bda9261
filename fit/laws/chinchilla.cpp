#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using Chinchilla = PowerSum<false>;

void log_terms(const double* theta, const Sample& at, double* out) {
  out[0] = theta[0];
  out[1] = theta[1] - theta[2] * at.log_params;
  out[2] = theta[3] - theta[4] * at.log_tokens;
}

}  // namespace

const Law& chinchilla_law() {
  static const Law law{"chinchilla",
                       "L = E + A/N^alpha + B/D^beta",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta},
                       kernel_log_loss<Chinchilla>,
                       kernel_accumulate<Chinchilla>,
                       shift_two_terms<false>,
                       balance_two_terms,
                       log_terms};
  return law;
}

}  // namespace crosslaw::fit
