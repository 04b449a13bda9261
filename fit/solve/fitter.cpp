#include "fit/solve/fitter.h"

#include <fmt/format.h>

#include <utility>

#include "fit/laws/laws.h"
#include "fit/solve/stages.h"

namespace crosslaw::fit {

std::vector<std::string> problems(const FitOptions& options) {
  std::vector<std::string> out;
  if (!(options.huber_delta > 0)) {
    out.push_back(fmt::format("huber_delta = {} must be above 0", options.huber_delta));
  }
  if (options.starts < 1 || options.starts > 100000) {
    out.push_back(fmt::format("starts = {} must be 1 to 100000", options.starts));
  }
  if (options.draws < 0 || options.draws > 10000000) {
    out.push_back(fmt::format("draws = {} must be 0 to 10000000", options.draws));
  }
  if (options.threads < 0 || options.threads > 1024) {
    out.push_back(fmt::format("threads = {} must be 0 (one a core) to 1024", options.threads));
  }
  return out;
}

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
