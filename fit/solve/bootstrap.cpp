#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fit/solve/core.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kManySamples = 2000;
constexpr double kLeastGain = 1e-12;   // relative to F: a refit need not be finer than the noise
constexpr double kLogNoFloor = -13.8;  // log 1e-6: E this far below the smallest loss counts as 0
constexpr double kOnBound = 1e-9;      // a coordinate closer to its bound stands there
constexpr double kTail = 0.025;        // of the draws: beyond it the 95 % interval is open

bool stands_at_bound(const Objective& objective, const Theta& centred, int i) {
  if (!objective.box.free[static_cast<std::size_t>(i)]) return false;
  const bool floor = objective.law->coefficients[static_cast<std::size_t>(i)].kind == Kind::kFloor;
  if (floor && centred[i] < objective.min_log_loss + kLogNoFloor) return true;
  return centred[i] <= objective.box.lower[i] + kOnBound ||
         centred[i] >= objective.box.upper[i] - kOnBound;
}

}  // namespace

Draw refit(const Core& core, const Resample& world, const Theta& start) {
  std::vector<Sample> samples;
  samples.reserve(core.index.size());
  apply(world, core.objective, core.index, core.centred, core.noise, samples);
  NewtonOptions options;
  options.least_gain = kLeastGain;
  // Of many points a world changes so little that no kink matters.
  if (samples.size() > kManySamples) options.first_blend = 0;
  const Objective& objective = core.objective;
  NewtonSummary summary =
      minimise(*objective.law, samples, objective.delta, objective.box, start, options);
  for (const Theta& rival : core.rivals) {
    Theta from = start;
    for (int i = 0; i < from.size(); ++i) {
      if (objective.box.free[static_cast<std::size_t>(i)]) from[i] = rival[i];
    }
    const NewtonSummary other =
        minimise(*objective.law, samples, objective.delta, objective.box, from, options);
    if (other.converged && other.objective < summary.objective) summary = other;
  }
  if (!summary.converged || !summary.theta.allFinite()) return std::nullopt;
  return summary.theta;
}

void take_draws(const Core& core, const std::vector<Draw>& draws, const FitOptions& options,
                FitResult& result) {
  result.bootstrap.kind = options.resampling;
  result.bootstrap.seed = options.seed;
  const auto made =
      std::count_if(draws.begin(), draws.end(), [](const Draw& each) { return each.has_value(); });
  result.bootstrap.draws = static_cast<int>(made);
  result.bootstrap.failed = static_cast<int>(draws.size()) - result.bootstrap.draws;
  result.draws.resize(made, core.objective.law->size());
  Eigen::Index row = 0;
  for (const Draw& each : draws) {
    if (each) result.draws.row(row++) = core.objective.plain(*each).transpose();
  }
  for (int i = 0; i < core.objective.law->size(); ++i) {
    Coefficient& mine = result.coefficients[static_cast<std::size_t>(i)];
    const CoefficientInfo& info = core.objective.law->coefficients[static_cast<std::size_t>(i)];
    const Estimate spread =
        estimate(result, [&](const Theta& theta) { return coefficient_value(info, theta[i]); });
    mine.se = spread.se;
    mine.ci95 = spread.ci95;
    const auto bound = std::count_if(draws.begin(), draws.end(), [&](const auto& each) {
      return each && stands_at_bound(core.objective, *each, i);
    });
    if (static_cast<double>(bound) <= kTail * static_cast<double>(made)) continue;
    result.bootstrap.at_bound.push_back(mine.name);
    result.problems.push_back(fmt::format(
        "{} {} in {:.0f} % of the bootstrap draws: its interval is open on that side", mine.name,
        info.kind == Kind::kFloor ? "falls to 0" : "reaches the bound of the search",
        100.0 * static_cast<double>(bound) / static_cast<double>(made)));
  }
  if (result.bootstrap.failed > 0) {
    result.problems.push_back(
        fmt::format("{} of {} bootstrap refits did not converge and are left out",
                    result.bootstrap.failed, draws.size()));
  }
}

}  // namespace crosslaw::fit
