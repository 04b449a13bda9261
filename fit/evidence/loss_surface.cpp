#include "fit/evidence/loss_surface.h"

#include <cmath>
#include <utility>

namespace crosslaw::fit {

LossSurface loss_surface(const FitResult& fit, std::vector<double> params,
                         std::vector<double> tokens) {
  LossSurface out{std::move(params), std::move(tokens), {}};
  for (const double d : out.tokens) {
    for (const double n : out.params)
      out.log_loss.push_back(std::log(predicted_loss(*fit.law, fit.theta, n, d)));
  }
  return out;
}

}  // namespace crosslaw::fit
