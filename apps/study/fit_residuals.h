#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/solve/fit_result.h"

namespace crosslaw::apps {

// One fitted loss beside what the law says.
struct FitResidual {
  std::string strategy, size;
  double params = 0;
  double tokens = 0;
  double observed = 0;
  double predicted = 0;
  double residual = 0;  // observed / predicted - 1
};

struct ResidualSpread {
  std::string strategy;
  std::int64_t points = 0;
  double rms = 0;  // of the residuals
};

// Over the points that the fits use; the continued ones too where `fit` is of both strategies.
std::vector<FitResidual> fit_residuals(const Observations& observations, const LanguagePair& pair,
                                       const fit::FitResult& fit);

// One a strategy, in the order in which they come.
std::vector<ResidualSpread> spread_of(const std::vector<FitResidual>& residuals);

}  // namespace crosslaw::apps
