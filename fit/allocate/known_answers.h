#pragma once

#include <string>
#include <vector>

#include "fit/solve/fit_result.h"
#include "fit/solve/verdict.h"

namespace crosslaw::fit {

// An answer that a fit is asked for, and how well it knows it.
struct KnownAnswer {
  std::string name;  // "N*" or "loss", with the strategy where there are several
  double flops = 0;  // its budget
  Estimate spread;
  Verdict verdict;
};

// N* and the least loss at the largest measured compute, strategy by strategy. Empty for a fit
// that knows nothing of its points (coefficients typed in by hand).
std::vector<KnownAnswer> known_answers(const FitResult& fit);

// How well one strategy's fit determines N*, given its spread over the draws: not at all where the
// points confound the terms of the law, where they are too few for draws and where the draws have
// no common optimum. A single coefficient that is not known, such as E = 0, is no reason.
Verdict verdict_of_params(const FitResult& fit, const Estimate& params);

}  // namespace crosslaw::fit
