#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "fit/solve/core.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kManySamples = 2000;
constexpr double kLeastGain = 1e-12;  // relative to F: a refit need not be finer than the noise

// From here on resampling reproduces noise that varies over the design.
constexpr int kManyRuns = 200;

// Places (N, D, stage) with a point, counted no further than any law has coefficients.
int distinct_places(const std::vector<Sample>& samples) {
  std::vector<const Sample*> found;
  const auto same = [](const Sample& a, const Sample& b) {
    return a.log_params == b.log_params && a.log_tokens == b.log_tokens && a.stage == b.stage &&
           a.log_unique_share == b.log_unique_share;
  };
  for (const Sample& each : samples) {
    if (found.size() == static_cast<std::size_t>(kMaxCoefficients)) break;
    if (std::none_of(found.begin(), found.end(), [&](const Sample* f) { return same(*f, each); })) {
      found.push_back(&each);
    }
  }
  return static_cast<int>(found.size());
}

int runs_in(const Core& core) {
  if (core.runs.of.empty()) return static_cast<int>(core.index.size());
  std::vector<int> sorted = core.runs.of;
  std::sort(sorted.begin(), sorted.end());
  return static_cast<int>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
}

}  // namespace

double degrees_of_freedom(const Core& core) {
  const double alone = static_cast<double>(core.objective.samples.size()) -
                       core.objective.box.free_count(core.objective.law->size());
  return core.noise.per_run > 0 ? std::min(alone, core.noise.run_freedom) : alone;
}

BootstrapRecord chosen_bootstrap(const std::vector<const Core*>& stages, const Points& points,
                                 const FitOptions& options) {
  BootstrapRecord out;
  out.kind = options.resampling;
  out.seed = options.seed;
  if (options.resampling != Resampling::kAuto) return out;
  int fewest = std::numeric_limits<int>::max();
  bool suspected = false;
  for (const Core* each : stages) {
    fewest = std::min(fewest, runs_in(*each));
    suspected = suspected || each->runs.suspected;
  }
  const bool named = std::any_of(points.begin(), points.end(),
                                 [](const Point& each) { return each.cluster >= 0; });
  // New losses scatter around a law, not around a lower edge of the losses.
  if (options.over_weight != 1) {
    out.kind = named ? Resampling::kClusters : Resampling::kPairs;
    out.reason = "the law is no middle of the losses";
    return out;
  }
  if (fewest < kManyRuns || (suspected && !named)) {
    out.kind = Resampling::kParametric;
    out.reason = fmt::format("{} runs", fewest);
  } else {
    out.kind = named ? Resampling::kClusters : Resampling::kPairs;
    out.reason = fmt::format("{} or more runs", kManyRuns);
  }
  if (suspected) {
    out.reason += "; points of one size share their residuals, so each size is taken for one run";
  } else if (named) {
    out.reason += ", each with its points";
  }
  return out;
}

void refuse_draws(const Core& core, FitResult& result) {
  const std::string sentence = fmt::format(
      "{:.2g} degree{} of freedom {} left over by the {} coefficients: fewer than {:.0f} tell "
      "nothing "
      "of the noise, so that there are no intervals; add runs",
      degrees_of_freedom(core), degrees_of_freedom(core) == 1 ? "" : "s",
      degrees_of_freedom(core) == 1 ? "is" : "are",
      core.objective.box.free_count(core.objective.law->size()), kFewestFreedom);
  for (Coefficient& each : result.coefficients) {
    if (each.frozen || !each.identifiable) continue;
    each.identifiable = false;
    each.verdict = {Knowledge::kNotKnown, sentence};
  }
  result.identifiable = false;
  result.bootstrap.reason = "too few runs";
  result.problems.push_back(sentence);
}

Draw refit(const Core& core, const Resample& world, const Theta& start) {
  std::vector<Sample> samples;
  samples.reserve(core.index.size());
  apply(world, core.objective, core.index, core.centred, core.noise, core.runs.of, samples);
  if (distinct_places(samples) < core.objective.box.free_count(core.objective.law->size())) {
    return std::nullopt;
  }
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

void take_draws(const Core& core, const std::vector<Draw>& draws, FitResult& result) {
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
    if (info.kind != Kind::kExponent) {
      mine.log_se =
          estimate(result, [&](const Theta& theta) { return std::optional(theta[i]); }).se;
    }
    const auto bound = std::count_if(draws.begin(), draws.end(), [&](const auto& each) {
      return each && standing(core.objective, *each, i) != Standing::kInside;
    });
    const double share = made > 0 ? static_cast<double>(bound) / static_cast<double>(made) : 0;
    if (share > kTail) result.bootstrap.at_bound.push_back(mine.name);
    // What the design or the optimum itself says is more than what draws can.
    if (mine.frozen || !mine.identifiable) continue;
    mine.verdict = verdict_of(info, spread, share);
    mine.identifiable = mine.verdict.usable();
    if (!mine.identifiable) result.problems.push_back(mine.verdict.reason);
  }
  result.identifiable = all_identifiable(result);
  if (result.bootstrap.failed > 0) {
    result.problems.push_back(
        fmt::format("{} of {} bootstrap refits did not converge, or had fewer different points "
                    "than coefficients, and are "
                    "left out",
                    result.bootstrap.failed, draws.size()));
  }
}

}  // namespace crosslaw::fit
