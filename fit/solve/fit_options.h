#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fit/laws/law_variants.h"
#include "fit/solve/fit_result.h"

namespace crosslaw::fit {

// The name under which FitOptions, JSON and the command line know the two-stage fit.
inline constexpr std::string_view kTwoStageLaw = "two-stage";

struct FitOptions {
  std::string law = "chinchilla";  // a name of law_names(), or "two-stage"
  double huber_delta = 1e-3;       // on log residuals; infinity: least squares
  bool auto_delta = false;         // delta by the residuals instead (see chosen_delta)
  int starts = 64;
  int draws = 1000;  // bootstrap refits; 0: no intervals
  Resampling resampling = Resampling::kAuto;
  std::uint64_t seed = 1;  // of starts and resamples
  int threads = 0;         // 0: one a core; never changes a result
  // Coefficients held at a value or equal to others, of a law fitted at once (not "two-stage").
  std::vector<Constraint> constraints = {};
  double over_weight = 1;  // of points that the law overestimates (see overestimates_weighted)
};

// Draws for so many points: of many a thousand refits would take minutes, and 200 still give a 95 %
// interval.
int usual_draws(std::size_t points);

// One message for each option out of its bounds.
std::vector<std::string> problems(const FitOptions& options);

}  // namespace crosslaw::fit
