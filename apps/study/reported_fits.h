#pragma once

#include <string>
#include <vector>

#include "apps/study/sweep_fits.h"

namespace crosslaw::apps {

// Whom a fit speaks of: it decides how it is named and coloured wherever it is shown.
enum class FitSubject { kScratch, kContinued, kBoth };

// A fit of a pair as it is reported.
struct ReportedFit {
  std::string name;  // "scratch", "continued, two-stage", "joint"
  FitSubject subject = FitSubject::kScratch;
  // Of the two-stage fit its second stage, where E, A and alpha are held from scratch.
  fit::FitResult fit;
};

std::vector<ReportedFit> reported_fits(const PairFits& fits);

// Whether a coefficient of a fit was held at what another fit gave: a frozen one, and of a
// two-stage fit those that its second stage took over from the first.
bool is_held(const fit::FitResult& fit, const fit::Coefficient& coefficient);

}  // namespace crosslaw::apps
