#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

using Extended = PowerSum<true>;

void log_terms(const double* theta, const Sample& at, double* out) {
  out[0] = theta[0];
  out[1] = theta[1] - theta[2] * at.log_params;
  out[2] = theta[3] - theta[4] * at.log_tokens - theta[5] * at.log_params;
}

}  // namespace

const Law& extended_law() {
  static const Law law{"extended",
                       "L = E + A/N^alpha + B/(D^beta N^gamma)",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, kGamma},
                       kernel_log_loss<Extended>,
                       kernel_accumulate<Extended>,
                       shift_two_terms<true>,
                       balance_two_terms,
                       log_terms};
  return law;
}

}  // namespace crosslaw::fit
