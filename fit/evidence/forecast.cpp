#include "fit/evidence/forecast.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/data/holdout_split.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/fitter.h"
#include "fit/solve/noise_model.h"

namespace crosslaw::fit {
namespace {

// Of the inner hold-out, whose fits need no certificate.
constexpr int kInnerStarts = 8;
constexpr int kInnerDraws = 100;  // which tell the size of an error to 7 %
constexpr int kOuterStarts = 16;  // of the laws themselves, which only predict
constexpr int kFewestInnerRuns = 6;
// So many inner runs tell as much of the weights as the belief that all laws are equally good: with
// m runs weights go by error^(-2 m / (m + 5)). A law that is far off gets next to none all the
// same.
constexpr double kRunsForEqualWeights = 5;
constexpr double kNoError = 1e-12;  // of log loss
// Intervals wider than a factor of this say nothing.
constexpr double kUselessWidth = 3;
constexpr double kNearLine = 0.1;  // of log N and log D: within 10 % of the line of the points

struct Line {
  double log_params = 0, log_tokens = 0;        // a point of it
  double across_params = 1, across_tokens = 0;  // unit vector across it
  double off = 0;                               // furthest point of the data
};

double off_line(const Line& line, double params, double tokens) {
  return std::abs((std::log(params) - line.log_params) * line.across_params +
                  (std::log(tokens) - line.log_tokens) * line.across_tokens);
}

// The line in (log N, log D) that lies closest to the points.
Line line_through(const Points& points) {
  Line out;
  const auto count = static_cast<double>(points.size());
  for (const Point& each : points) {
    out.log_params += std::log(each.params) / count;
    out.log_tokens += std::log(each.tokens) / count;
  }
  Eigen::Matrix2d moments = Eigen::Matrix2d::Zero();
  for (const Point& each : points) {
    const Eigen::Vector2d from(std::log(each.params) - out.log_params,
                               std::log(each.tokens) - out.log_tokens);
    moments += from * from.transpose();
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix2d> axes(moments);
  out.across_params = axes.eigenvectors()(0, 0);
  out.across_tokens = axes.eigenvectors()(1, 0);
  for (const Point& each : points) {
    out.off = std::max(out.off, off_line(out, each.params, each.tokens));
  }
  return out;
}

// Of sizes or numbers of tokens; values within 10 % are one.
constexpr double kSameValue = 1.1;

std::vector<double> distinct_values(const Points& points, double Point::*axis) {
  std::vector<double> values, distinct;
  for (const Point& each : points) values.push_back(each.*axis);
  std::sort(values.begin(), values.end());
  for (const double each : values) {
    if (distinct.empty() || each > kSameValue * distinct.back()) distinct.push_back(each);
  }
  return distinct;
}

bool one_of_few(const Points& points, double Point::*axis) {
  return distinct_values(points, axis).size() <= 2;
}

// Why the points say nothing of such a size or number of tokens; empty: they do. Two values tell no
// third, for one coefficient more is free; at the two themselves nothing is asked of it.
std::string untold(const Points& points, double Point::*axis, double asked, const char* what) {
  if (!one_of_few(points, axis)) return "";
  for (const Point& each : points) {
    if (each.*axis / asked < kSameValue && asked / (each.*axis) < kSameValue) return "";
  }
  return fmt::format("the points are of {} only, which tells nothing of others",
                     distinct_values(points, axis).size() == 1 ? fmt::format("one {}", what)
                                                               : fmt::format("two {}s", what));
}

Points picked(const Points& points, const std::vector<int>& which) {
  Points out;
  for (const int i : which) out.push_back(points[static_cast<std::size_t>(i)]);
  return out;
}

// What one split of the inner hold-out says.
struct InnerSplit {
  FittedLaws fitted;      // in the order of the laws of the forecaster
  Points test;            // of the stage
  double most_flops = 0;  // that trained
};

// The splits in which every law of the forecaster can be fitted: laws are compared on the same
// runs.
std::vector<InnerSplit> inner_splits(const Points& points, const std::optional<Stage>& stage,
                                     const std::vector<ForecastLaw>& laws, FitOptions options) {
  std::vector<std::string> names;
  for (const ForecastLaw& each : laws) names.push_back(each.law);
  options.starts = std::min(options.starts, kInnerStarts);
  options.draws = std::min(options.draws, kInnerDraws);
  std::vector<InnerSplit> out;
  HoldoutPlan plan;
  try {
    plan = split_by_rule(points, "rollout");
  } catch (const std::invalid_argument&) {
    return out;  // all points have one compute
  }
  for (const HoldoutSplit& split : plan.splits) {
    InnerSplit one;
    one.test = points_at(stage, picked(points, split.test));
    if (one.test.empty()) continue;
    one.fitted = fit_forecast_laws(picked(points, split.train), stage, names, options);
    for (const Point& each : picked(points, split.train)) {
      one.most_flops = std::max(one.most_flops, training_flops(each));
    }
    if (one.fitted.laws.size() == laws.size()) out.push_back(std::move(one));
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

double missed_by(const ForecastLaw& law, const Point& point) {
  return std::abs(law.log_loss({point.params, point.tokens}) - std::log(point.loss));
}

void weigh_laws(const std::vector<InnerSplit>& splits, StageForecaster& out) {
  const double told = out.inner_runs / (out.inner_runs + kRunsForEqualWeights);
  std::vector<double> errors;
  for (std::size_t k = 0; k < out.laws.size(); ++k) {
    double sum = 0, count = 0;
    for (const InnerSplit& split : splits) {
      for (const Point& each : split.test) sum += missed_by(split.fitted.laws[k], each);
      count += static_cast<double>(split.test.size());
    }
    out.laws[k].inner_error = sum / count;
    errors.push_back(std::max(sum / count, kNoError));
  }
  // Relative to the least error, so that no power overflows.
  const double least = *std::min_element(errors.begin(), errors.end());
  double total = 0;
  for (const double each : errors) total += std::pow(each / least, -2 * told);
  for (std::size_t k = 0; k < out.laws.size(); ++k) {
    out.laws[k].weight = std::pow(errors[k] / least, -2 * told) / total;
  }
}

double scatter_of_runs(const std::vector<ForecastLaw>& laws) {
  double squares = 0;
  for (const ForecastLaw& each : laws) {
    squares += each.weight * std::pow(each.noise.deviation(), 2);
  }
  return std::sqrt(squares);
}

// Half the width of the 95 % interval in units of that of the normal law: the variance of laws that
// the points hardly tell does not exist.
double deviation_of(const Predictive& expected) {
  constexpr double kTail = 0.025;
  constexpr double kNormal = 1.96;
  return (expected.quantile(1 - kTail) - expected.quantile(kTail)) / (2 * kNormal);
}

// What the laws missed in the inner hold-out, and what they had said of their error there: the
// truth drifts from all of them by the rest.
void measure_drift(const std::vector<InnerSplit>& splits, std::uint64_t seed,
                   StageForecaster& out) {
  double squares = 0, said = 0, error = 0, distance = 0, count = 0;
  for (const InnerSplit& split : splits) {
    std::vector<ForecastLaw> laws = split.fitted.laws;
    for (std::size_t k = 0; k < laws.size(); ++k) {
      laws[k].weight = out.laws[k].weight;
      laws[k].noise = out.laws[k].noise;  // scatter as all runs tell it: a forecast adds that
    }
    for (const Point& each : split.test) {
      const auto expected = predictive(laws, {each.params, each.tokens}, 0, seed);
      if (!expected) continue;
      const double missed = expected->middle - std::log(each.loss);
      squares += missed * missed;
      said += std::pow(deviation_of(*expected), 2);
      error += std::abs(missed);
      distance += std::log(training_flops(each) / split.most_flops);
      count += 1;
    }
  }
  if (count == 0) {
    // Nothing could be held out: the truth may drift as much as runs scatter.
    out.inner_drift = scatter_of_runs(out.laws);
    return;
  }
  out.inner_error = error / count;
  out.inner_distance = distance / count;
  out.inner_drift = std::sqrt(std::max(0.0, (squares - said) / count));
}

double drift_at(const StageForecaster& by, const NewRun& run) {
  const ComputeModel compute = by.laws.front().fit.compute_model();
  const double flops = compute.flops_per_token(run.params) * run.tokens;
  const double beyond = std::log(flops / coverage(by.points).flops.high);
  const double steps = by.inner_distance > 0 ? beyond / by.inner_distance : 1;
  return by.inner_drift * std::sqrt(std::max(1.0, steps));
}

std::vector<std::string> laws_for(const ForecastOptions& options,
                                  const std::optional<Stage>& stage) {
  if (!options.laws.empty()) return options.laws;
  std::vector<std::string> out = {"chinchilla", "extended", "outer"};
  if (stage == Stage::kContinued) {
    out.emplace_back(kTwoStageLaw);
    out.emplace_back("joint");
  }
  return out;
}

StageForecaster forecaster_of(const Points& points, const std::optional<Stage>& stage,
                              const ForecastOptions& options) {
  StageForecaster out;
  if (stage) out.stage = *stage == Stage::kScratch ? "scratch" : "continued";
  out.points = points_at(stage, points);
  out.kind = stage;
  FitOptions settings = options.fit;
  settings.starts = std::min(settings.starts, kOuterStarts);
  FittedLaws fitted = fit_forecast_laws(points, stage, laws_for(options, stage), settings);
  out.laws = std::move(fitted.laws);
  out.left_out = std::move(fitted.left_out);
  if (out.laws.empty()) {
    out.refused = fmt::format("no law can be fitted: {}", out.left_out.front().reason);
    return out;
  }
  out.along_line = std::none_of(out.laws.begin(), out.laws.end(), [](const ForecastLaw& each) {
    return each.fit.confounded.empty();
  });
  const std::vector<InnerSplit> splits = inner_splits(points, stage, out.laws, options.fit);
  out.inner_runs = runs_of_splits(splits);
  if (out.inner_runs >= kFewestInnerRuns) weigh_laws(splits, out);
  measure_drift(splits, options.fit.seed, out);
  return out;
}

}  // namespace

std::string StageForecaster::describe() const {
  std::string out;
  for (const ForecastLaw& each : laws) {
    out += fmt::format("{}{} {:.2f}", out.empty() ? "" : ", ", each.law, each.weight);
  }
  return out;
}

const StageForecaster* forecaster_at(const Forecaster& forecaster, Stage stage) {
  for (const StageForecaster& each : forecaster.stages) {
    if (each.kind.value_or(each.points.front().stage) == stage) return &each;
  }
  return nullptr;
}

Forecaster make_forecaster(const Points& points, const ForecastOptions& options) {
  FitOptions checked = options.fit;
  checked.law = "chinchilla";
  checked.constraints.clear();
  std::vector<std::string> wrong = problems(checked);
  for (std::string& each : problems(points)) wrong.push_back(std::move(each));
  if (points.empty()) wrong.emplace_back("there are no points");
  if (options.fit.draws < kFewestForecastDraws) {
    wrong.push_back(fmt::format("{} refits: a forecast needs {} at least for its intervals",
                                options.fit.draws, kFewestForecastDraws));
  }
  if (!wrong.empty()) throw std::invalid_argument(wrong.front());
  for (const std::string& each : options.laws) law_of_fit(each);
  Forecaster out;
  out.seed = options.fit.seed;
  const bool scratch = !select_stage(points, Stage::kScratch).empty();
  const bool continued = !select_stage(points, Stage::kContinued).empty();
  if (scratch && continued) {
    for (const Stage stage : {Stage::kScratch, Stage::kContinued}) {
      out.stages.push_back(forecaster_of(points, stage, options));
    }
  } else {
    out.stages.push_back(forecaster_of(points, std::nullopt, options));
  }
  return out;
}

Forecast forecast_run(const StageForecaster& by, const NewRun& run, std::uint64_t seed) {
  Forecast out;
  out.run = run;
  out.stage = by.stage;
  out.unknown = by.refused;
  if (!out.unknown.empty()) return out;
  out.outside = outside_of(coverage(by.points), by.laws.front().fit.compute_model(), run);
  // Of one or two sizes each is a line of its own.
  const bool few = one_of_few(by.points, &Point::params) || one_of_few(by.points, &Point::tokens);
  if (by.along_line && !few) {
    const Line line = line_through(by.points);
    if (off_line(line, run.params, run.tokens) > line.off + kNearLine) {
      out.unknown = "the points lie along one line of log N and log D, and the run does not";
      return out;
    }
  }
  out.unknown = untold(by.points, &Point::params, run.params, "size");
  if (out.unknown.empty()) {
    out.unknown = untold(by.points, &Point::tokens, run.tokens, "token count");
  }
  if (!out.unknown.empty()) return out;
  const auto expected = predictive(by.laws, run, drift_at(by, run), seed);
  if (!expected) {
    out.unknown = "the laws that the points allow have no end there";
    return out;
  }
  for (const ForecastLaw& each : by.laws) out.by_law.push_back(std::exp(each.log_loss(run)));
  out.law_spread = expected->spread;
  for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
    const double tail = 0.5 * (1 - kForecastLevels[k]);
    // About the mean of the laws, which the interval holds also where draws lean to one side.
    const double down = std::min(0.0, expected->quantile(tail) - expected->middle);
    const double up = std::max(0.0, expected->quantile(1 - tail) - expected->middle);
    out.intervals[k] = {std::exp(expected->middle + down), std::exp(expected->middle + up)};
  }
  if (!(out.ci95().high / out.ci95().low < kUselessWidth)) {
    out.unknown = fmt::format("its 95 % interval, {:.4g} to {:.4g}, says nothing", out.ci95().low,
                              out.ci95().high);
    out.intervals = {};
    out.by_law.clear();
    return out;
  }
  out.loss = std::exp(expected->middle);
  return out;
}

std::vector<Forecast> forecast(const Forecaster& forecaster, const std::vector<NewRun>& runs) {
  require_positive(runs);
  std::vector<Forecast> out;
  for (const NewRun& run : runs) {
    for (const StageForecaster& each : forecaster.stages) {
      out.push_back(forecast_run(each, run, forecaster.seed));
    }
  }
  return out;
}

}  // namespace crosslaw::fit
