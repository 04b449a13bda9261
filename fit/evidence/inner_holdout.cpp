#include "fit/evidence/inner_holdout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/laws/law_parts.h"
#include "fit/solve/distributions.h"

namespace crosslaw::fit {
namespace {

// Fits of the hold-out need no certificate.
constexpr int kInnerStarts = 8;
constexpr int kInnerDraws = 100;  // which tell the size of an error to 7 %
constexpr int kFewestRuns = 6;
// So many runs tell as much of the weights as the belief that all laws are equally good: with m
// runs weights go by error^(-2 m / (m + 5)). A law that is far off gets next to none all the same.
constexpr double kRunsForEqualWeights = 5;
constexpr double kNoError = 1e-12;  // of log loss

Points picked(const Points& points, const std::vector<int>& which) {
  Points out;
  for (const int i : which) out.push_back(points[static_cast<std::size_t>(i)]);
  return out;
}

// What one split says.
struct InnerSplit {
  std::vector<ForecastLaw> laws;  // in the order of those of the forecast
  Points test;                    // of the stage
  double most = 0;                // along the axis, that trained
};

// The splits in which every law can be fitted: laws are compared on the same runs.
std::vector<InnerSplit> inner_splits(const Points& points, const std::optional<Stage>& stage,
                                     const std::vector<ForecastLaw>& laws, const ScaleAxis& axis,
                                     FitOptions options) {
  std::vector<std::string> names;
  for (const ForecastLaw& each : laws) names.push_back(each.law);
  options.starts = std::min(options.starts, kInnerStarts);
  options.draws = std::min(options.draws, kInnerDraws);
  std::vector<InnerSplit> out;
  HoldoutPlan plan;
  try {
    plan = split_by_rule(points, fmt::format("rollout-{}", axis.name));
  } catch (const std::invalid_argument&) {
    return out;  // all points have one value
  }
  for (const HoldoutSplit& split : plan.splits) {
    InnerSplit one;
    one.test = points_at(stage, picked(points, split.test));
    if (one.test.empty()) continue;
    one.laws = fit_forecast_laws(picked(points, split.train), stage, names, options).laws;
    for (const Point& each : picked(points, split.train)) {
      one.most = std::max(one.most, axis.value(each));
    }
    if (one.laws.size() == laws.size()) out.push_back(std::move(one));
  }
  return out;
}

int runs_of_splits(const std::vector<InnerSplit>& splits) {
  std::set<int> named;
  int alone = 0;
  for (const InnerSplit& split : splits) {
    for (const Point& each : split.test) {
      if (each.cluster < 0) ++alone;
      if (each.cluster >= 0) named.insert(each.cluster);
    }
  }
  return alone + static_cast<int>(named.size());
}

void weigh_laws(const std::vector<InnerSplit>& splits, InnerHoldout& out) {
  const double told = out.runs / (out.runs + kRunsForEqualWeights);
  double least = 0;
  for (std::size_t k = 0; k < out.weights.size(); ++k) {
    double sum = 0, count = 0;
    for (const InnerSplit& split : splits) {
      for (const Point& each : split.test) {
        const double predicted = split.laws[k].log_loss({each.params, each.tokens});
        sum += std::abs(predicted - std::log(each.loss));
      }
      count += static_cast<double>(split.test.size());
    }
    out.law_errors.push_back(sum / count);
    const double error = std::max(sum / count, kNoError);
    least = k == 0 ? error : std::min(least, error);
  }
  double total = 0;
  for (std::size_t k = 0; k < out.weights.size(); ++k) {
    // Relative to the least error, so that no power overflows.
    out.weights[k] = std::pow(std::max(out.law_errors[k], kNoError) / least, -2 * told);
    total += out.weights[k];
  }
  for (double& each : out.weights) each /= total;
}

// Half the width of the 95 % interval in units of that of the normal law: the variance of laws that
// the points hardly tell does not exist.
double deviation_of(const Predictive& expected) {
  return (expected.quantile(1 - kTail) - expected.quantile(kTail)) / (2 * kNormal975);
}

// What the laws missed, and what they had said of their error there: the truth drifts from all of
// them by the rest. False where nothing could be held out.
bool measure_drift(const std::vector<InnerSplit>& splits, const std::vector<ForecastLaw>& laws,
                   std::uint64_t seed, InnerHoldout& out) {
  double squares = 0, said = 0, error = 0, distance = 0, count = 0;
  for (const InnerSplit& split : splits) {
    std::vector<ForecastLaw> fitted = split.laws;
    for (std::size_t k = 0; k < fitted.size(); ++k) {
      fitted[k].weight = out.weights[k];
      fitted[k].noise = laws[k].noise;  // scatter as all runs tell it: a forecast adds that
    }
    for (const Point& each : split.test) {
      const auto expected = predictive(fitted, {each.params, each.tokens}, 0, seed);
      if (!expected) continue;
      const double missed = expected->middle - std::log(each.loss);
      squares += missed * missed;
      said += std::pow(deviation_of(*expected), 2);
      error += std::abs(missed);
      distance += std::log(out.axis->value(each) / split.most);
      count += 1;
    }
  }
  if (count == 0) return false;
  out.error = error / count;
  out.distance = distance / count;
  out.drift = std::sqrt(std::max(0.0, (squares - said) / count));
  return true;
}

double scatter_of_runs(const std::vector<ForecastLaw>& laws) {
  double squares = 0;
  for (const ForecastLaw& each : laws) {
    squares += each.weight * std::pow(each.noise.deviation(), 2);
  }
  return std::sqrt(squares);
}

}  // namespace

std::vector<InnerHoldout> inner_holdouts(const Points& points, const std::optional<Stage>& stage,
                                         const std::vector<ForecastLaw>& laws,
                                         const FitOptions& options) {
  std::vector<InnerHoldout> out;
  for (const ScaleAxis& axis : scale_axes()) {
    InnerHoldout one;
    one.axis = &axis;
    one.weights.assign(laws.size(), 1 / static_cast<double>(laws.size()));
    const std::vector<InnerSplit> splits = inner_splits(points, stage, laws, axis, options);
    one.runs = runs_of_splits(splits);
    if (one.runs >= kFewestRuns) weigh_laws(splits, one);
    const bool held_out = measure_drift(splits, laws, options.seed, one);
    // Nothing could be held out: the truth may drift as much as runs scatter.
    if (!held_out && out.empty()) one.drift = scatter_of_runs(laws);
    if (held_out || out.empty()) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace crosslaw::fit
