#pragma once

#include <optional>
#include <string>

#include "fit/data/points.h"

namespace crosslaw::fit {

// Training FLOPs a token as a power of the size: C = F N^phi D. The default is C = 6 N D, which
// counts neither attention nor, where N leaves it out, the head; both weigh most in small models.
struct ComputeModel {
  double constant = 6;    // F
  double exponent = 1;    // phi
  double rms = 0;         // of the log residuals it was fitted with
  bool measured = false;  // fitted to FLOPs that the points or sizes carry

  double log_flops_per_token(double log_params) const;
  double flops_per_token(double params) const;
  // D that C FLOPs buy at a size.
  double tokens(double flops, double params) const;
  // log N at which a token costs so much.
  double log_params(double log_flops_per_token) const;
};

// log(C/D) = log F + phi log N by least squares over the points whose compute is known. Empty when
// those have fewer than two distinct sizes, or when larger models come out cheaper.
std::optional<ComputeModel> fit_compute(const Points& points);

// "C = 6 N D" or "C = 11.2 N^0.977 D (fitted to counted FLOPs, 2.1 % rms)".
std::string describe(const ComputeModel& compute);

}  // namespace crosslaw::fit
