#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/study/dataset.h"
#include "apps/study/law_contrast.h"
#include "apps/study/observations.h"
#include "fit/solve/fit_result.h"

namespace crosslaw::apps {

// The fits that a sweep has of itself, by language pair: "scratch" (chinchilla on the runs from
// scratch), "two-stage" and "joint" (with the continued runs).
struct NamedFit {
  std::string name;
  fit::FitResult fit;
  Dataset data;  // what it was fitted to; of a stored fit, the points that there are now
};

// The fit that every answer of a pair goes by, and why that one.
struct FitChoice {
  std::string name;    // of a NamedFit; empty: there is no fit
  std::string reason;  // "held-out error 0.82 % against 1.4 % of two-stage, which may be chance"
  std::string brief;   // the same where room is short: "0.82 % ~ two-stage 1.4 %"; ~ for chance
};

struct PairFits {
  LanguagePair pair;
  std::vector<NamedFit> fits;
  std::vector<std::string> missing;  // why a fit is not there
  FitChoice choice = {};
  std::optional<LawContrast> contrast = {};  // of a pair with continued runs

  const NamedFit* named(const std::string& name) const;  // null: there is none
  const fit::FitResult* find(const std::string& name) const;
};

}  // namespace crosslaw::apps
