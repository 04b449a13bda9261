#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fit/solve/spread.h"

namespace crosslaw::fit {

// The loss of one size at one budget, trained at one learning rate and batch.
struct SettingPoint {
  double learning_rate = 0, batch_tokens = 0, loss = 0;
};

struct SettingOptions {
  double fixed_rate = 0, fixed_batch = 0;  // the setting that the sweep uses
  int draws = 400;                         // of the coefficients, for the intervals
  std::uint64_t seed = 1;
};

std::vector<std::string> problems(const SettingOptions& options);

// Where the least loss lies: log loss as a quadratic in log learning rate and log batch, by least
// squares. Intervals draw the coefficients from their covariance, with the variance of the
// residuals drawn, too (Student's t).
struct SettingOptimum {
  std::size_t points = 0, rates = 0, batches = 0;
  std::string problem;  // why there is no optimum; empty: there is, and what follows is set
  bool inside = true;   // false: it lies outside the rates or batches that were tried
  Estimate learning_rate;
  Estimate batch_tokens;      // absent where one batch was tried
  Estimate excess;            // log loss of the fixed setting above the optimum's
  double log_rate_error = 0;  // standard error of the optimum's log learning rate
  double rate_curvature = 0;  // of log loss, per squared unit of log learning rate
  double rms = 0;             // of log loss around the quadratic
};

// Throws std::invalid_argument for options with problems().
SettingOptimum setting_optimum(const std::vector<SettingPoint>& points,
                               const SettingOptions& options);

}  // namespace crosslaw::fit
