#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/study/dataset.h"
#include "fit/solve/fit_options.h"
#include "fit/solve/spread.h"

namespace crosslaw::apps {

// How well one law, fitted to the runs of one strategy alone, describes them.
struct LawOnRuns {
  std::string law;   // chinchilla or extended
  std::string runs;  // scratch or continued
  int points = 0;
  double rms = 0;         // of log predicted - log observed
  double mean_error = 0;  // mean |log predicted - log observed|
  double huber = 0;       // the objective a point
  fit::Estimate gamma;    // of the extended law; no value: another law
  bool identifiable = false;
};

// The exponent by which a size lowers the data term, of the runs from scratch and of the continued
// ones, each from a fit of the extended law of its own; and both laws on both sets
// (arXiv:2407.02118, Table 3, whose fit errors have no stated metric).
struct LawContrast {
  std::vector<LawOnRuns> laws;
  fit::Estimate gamma_scratch, gamma_continued;
  fit::Estimate gamma_difference;     // continued less scratch
  std::vector<std::string> problems;  // why a fit is missing, or which cannot be told apart
};

// Points of both strategies. With the settings of `options`, law and constraints apart.
LawContrast law_contrast(const Dataset& both, const fit::FitOptions& options);

nlohmann::ordered_json to_json(const LawContrast& contrast);
LawContrast law_contrast_from_json(const nlohmann::json& json);

// "gamma +0.054 [0.024, 0.071] continued, -0.09 [..] from scratch: larger when continued", or that
// it cannot be told. Empty without both fits.
std::string describe(const LawContrast& contrast);

}  // namespace crosslaw::apps
