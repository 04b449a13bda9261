#include "fit/solve/fitter.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/solve/core.h"
#include "fit/solve/parallel.h"

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

FitResult fit_law(const Points& points, const FitOptions& options) {
  if (options.law == kTwoStageLaw) return fit_two_stage(points, options);
  require_usable(points, options);
  const Law& law = find_law(options.law);
  Problem problem = make_problem(law, points, options.huber_delta);
  require_enough(problem, "");
  Core core = fit_core(std::move(problem), Theta::Zero(law.size()), options);
  core.index = all_indices(points);
  FitResult result = core.result;
  result.coverage = coverage(points);
  result.compute = fit_compute(points);
  if (options.draws == 0) return result;
  const Resampler resampler(points, options.resampling, options.seed);
  std::vector<Draw> draws(static_cast<std::size_t>(options.draws));
  parallel_for(options.draws, options.threads, [&](int d) {
    draws[static_cast<std::size_t>(d)] = refit(core, resampler.draw(d), core.centred);
  });
  take_draws(core, draws, options, result);
  return result;
}

}  // namespace crosslaw::fit
