#pragma once

#include <vector>

#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

namespace crosslaw::apps {

// What the fitted laws say that continuing saves at one size and number of target tokens.
struct LawSaving {
  double params = 0;
  double tokens = 0;
  double tokens_per_param = 0;
  fit::Estimate saved_share;  // of tokens and so of FLOPs, at equal loss
  fit::Estimate transferred_tokens;
};

// For the smallest, the middle and the largest size, over the measured tokens a parameter. `joint`
// is a fit of both strategies; empty where its measured range is not known.
std::vector<LawSaving> law_savings(const fit::FitResult& joint);

}  // namespace crosslaw::apps
