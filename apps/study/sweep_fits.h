#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/data/data_file.h"
#include "fit/solve/fitter.h"

namespace crosslaw::apps {

// The fits that a sweep has of itself, by language pair: "scratch" (chinchilla on the runs from
// scratch), "two-stage" and "joint" (with the continued runs).
struct NamedFit {
  std::string name;
  fit::FitResult fit;
  fit::DataFile data;  // what it was fitted to; empty for a stored fit
};

struct PairFits {
  LanguagePair pair;
  std::vector<NamedFit> fits;
  std::vector<std::string> missing;  // why a fit is not there

  const fit::FitResult* find(const std::string& name) const;
};

struct SweepFitOptions {
  ParamsCount count = ParamsCount::kAll;
  PointChoice points = PointChoice::kAuto;
  bool exact_flops = false;  // the points carry their measured compute
  fit::FitOptions fit = {.resampling = fit::Resampling::kClusters};
  // Chinchilla, two-stage and joint where empty; any other law is fitted to the runs from scratch.
  std::string only_law;
};

// How the fits of a sweep count N and C.
fit::Convention convention_of(const Observations& observations, bool exact_flops);

// Fits every pair. `say` hears what takes time.
std::vector<PairFits> fit_sweep(const Observations& observations, const SweepFitOptions& options,
                                const std::function<void(const std::string&)>& say);

// The stored fits, and whether they were made from these very observations.
std::vector<PairFits> stored_fits(const db::RunStore& store, const Observations& observations);
bool fits_are_current(const db::RunStore& store, const Observations& observations);
void store_fits(db::RunStore& store, const Observations& observations,
                const std::vector<PairFits>& fits);

}  // namespace crosslaw::apps
