#pragma once

#include <vector>

#include "fit/solve/fit_result.h"

namespace crosslaw::fit {

// What a law predicts on a grid of sizes and tokens; a fit of one strategy.
struct LossSurface {
  std::vector<double> params;
  std::vector<double> tokens;
  std::vector<double> log_loss;  // log_loss[j * params.size() + i] at params[i], tokens[j]
};

LossSurface loss_surface(const FitResult& fit, std::vector<double> params,
                         std::vector<double> tokens);

}  // namespace crosslaw::fit
