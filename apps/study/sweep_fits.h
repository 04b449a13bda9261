#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "apps/study/pair_fits.h"
#include "fit/solve/fitter.h"

namespace crosslaw::apps {

struct SweepFitOptions {
  ParamsCount count = ParamsCount::kAll;
  PointChoice points = PointChoice::kAuto;
  bool exact_flops = false;  // the points carry their measured compute
  fit::FitOptions fit;
  // Chinchilla, two-stage and joint where empty; any other law is fitted to the runs from scratch.
  std::string only_law;
};

// Fits every pair. `say` hears what takes time.
std::vector<PairFits> fit_sweep(const Observations& observations, const SweepFitOptions& options,
                                const std::function<void(const std::string&)>& say);

// The stored fits, and whether they were made from these very observations.
std::vector<PairFits> stored_fits(const db::RunStore& store, const Observations& observations);
bool fits_are_current(const db::RunStore& store, const Observations& observations);
void store_fits(db::RunStore& store, const Observations& observations,
                const std::vector<PairFits>& fits);

// The settings of crosslaw run: only such fits are stored.
bool are_usual(const SweepFitOptions& options);

// The fits of a sweep's folder and, where they are not stored in it, why.
struct FolderFits {
  std::vector<PairFits> fits;
  std::string not_stored;  // empty: the folder holds these very fits
};

// Reads the stored fits where options are usual and nothing has changed since; else, or with
// `refit`, fits, and stores what is usual unless somebody is running the sweep. Stored fits lack
// the stages of a two-stage fit, which profiles and influence need. Throws std::invalid_argument
// for a folder without a sweep.
FolderFits fits_of_folder(const std::string& folder, const SweepFitOptions& options, bool refit,
                          const std::function<void(const std::string&)>& say);

}  // namespace crosslaw::apps
