#include "apps/study/reported_fits.h"

#include <algorithm>

#include "fit/solve/strategies.h"

namespace crosslaw::apps {

std::vector<ReportedFit> reported_fits(const PairFits& fits) {
  std::vector<ReportedFit> out;
  for (const NamedFit& named : fits.fits) {
    if (named.fit.method == fit::kTwoStageLaw) {
      out.push_back({"continued, two-stage", FitSubject::kContinued,
                     fit::strategy_fit(named.fit, "continued")});
    } else {
      const bool both = !named.fit.law->parts.empty();
      out.push_back({named.name, both ? FitSubject::kBoth : FitSubject::kScratch, named.fit});
    }
  }
  return out;
}

bool is_held(const fit::FitResult& fit, const fit::Coefficient& coefficient) {
  if (coefficient.frozen || fit.method != fit::kTwoStageLaw) return coefficient.frozen;
  const fit::FitResult continued = fit::strategy_fit(fit, "continued");
  return std::any_of(
      continued.coefficients.begin(), continued.coefficients.end(),
      [&](const fit::Coefficient& each) { return each.frozen && each.name == coefficient.name; });
}

}  // namespace crosslaw::apps
