#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/study/pair_fits.h"
#include "fit/solve/spread.h"

namespace crosslaw::apps {

// The scratch law of one language, alone and with the exponents that all share.
struct LanguageLaw {
  std::string language;
  int points = 0;
  fit::Estimate alpha, beta;       // alone
  fit::Estimate e, a, b;           // with the pooled exponents held; intervals given these
  double rms = 0, pooled_rms = 0;  // of log residuals, alone and pooled
};

// One law for all target languages: exponents in common, E, A and B each their own.
struct PooledLaw {
  fit::Estimate alpha, beta;
  // Cochran's Q of the exponents over the languages, its degrees of freedom, and the chance of a
  // larger one if all were alike: below 0.05 the languages do not share their exponents.
  double heterogeneity = 0, freedom = 0, chance = 1;
  std::vector<LanguageLaw> languages;
};

// From the fits from scratch, exponents weighted by the inverse of their covariance over the draws.
// Absent with fewer than two languages whose fit is identifiable and has draws.
std::optional<PooledLaw> pooled_law(const std::vector<PairFits>& fits);

// "All 3 languages share alpha = .. [..] and beta = .. (chance 0.4)", or that they do not.
std::string describe(const PooledLaw& pooled);

}  // namespace crosslaw::apps
