#include "fit/solve/fitter.h"

#include <utility>

#include "fit/laws/laws.h"
#include "fit/solve/stages.h"

namespace crosslaw::fit {

const Law& law_of_fit(std::string_view name) {
  return name == kTwoStageLaw ? joint_law() : find_law(name);
}

FitResult fit_law(const Points& points, const FitOptions& options) {
  if (options.law == kTwoStageLaw) return fit_two_stage(points, options);
  require_usable(points, options);
  const Law& law = find_law(options.law);
  std::vector<StageCore> stages = fit_stages(law, {whole_of(law)}, points, options);
  add_draws(law, points, options, stages);
  FitResult result = std::move(stages.front().core.result);
  result.compute = fit_compute(points);
  return result;
}

}  // namespace crosslaw::fit
