#pragma once

#include <vector>

#include "apps/study/pair_fits.h"
#include "fit/solve/fit_options.h"

namespace crosslaw::apps {

// The fit of a pair that predicts held-out runs of the largest compute best. Fits that are
// identifiable go before those that are not; between laws of the same number of coefficients the
// smaller error decides, and the reason says where it may be chance. Without continued runs, or
// where nothing can be held out, as only_choice().
FitChoice choose_fit(const std::vector<NamedFit>& fits, const fit::FitOptions& settings);

// Without a test: two-stage, as in arXiv:2407.02118, else joint, else the fit from scratch.
FitChoice only_choice(const std::vector<NamedFit>& fits);

}  // namespace crosslaw::apps
