#include "fit/evidence/forecast.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "fit/data/holdout_split.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/fitter.h"
#include "fit/solve/noise_model.h"

namespace crosslaw::fit {
namespace {

constexpr int kOuterStarts = 16;  // of the laws themselves, which only predict
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

void weigh(std::vector<ForecastLaw>& laws, const std::vector<double>& weights) {
  for (std::size_t k = 0; k < laws.size(); ++k) laws[k].weight = weights[k];
}

// How far beyond the points a run lies along the axis of a hold-out, in steps of that hold-out;
// below 0: within.
double steps_beyond(const StageForecaster& by, const InnerHoldout& inner, const NewRun& run) {
  const ComputeModel compute = by.laws.front().fit.compute_model();
  Point asked{run.params, run.tokens, 1};
  asked.flops = compute.flops_per_token(run.params) * run.tokens;
  double largest = 0;
  for (const Point& each : by.points) largest = std::max(largest, inner.axis->value(each));
  const double beyond = std::log(inner.axis->value(asked) / largest);
  return inner.distance > 0 ? beyond / inner.distance : std::min(beyond, 1.0);
}

// The hold-out that is most like the question: along the axis on which the run lies furthest out.
const InnerHoldout& most_like(const StageForecaster& by, const NewRun& run) {
  const InnerHoldout* out = &by.inner.front();
  double furthest = std::max(0.0, steps_beyond(by, *out, run));
  for (const InnerHoldout& each : by.inner) {
    const double steps = steps_beyond(by, each, run);
    if (steps > furthest) out = &each, furthest = steps;
  }
  return *out;
}

// At least one step along compute, because no law is exact even inside the data; along the other
// axes only beyond it.
double drift_at(const StageForecaster& by, const NewRun& run) {
  double out = 0;
  for (const InnerHoldout& each : by.inner) {
    const bool compute = &each == &by.inner.front();
    const double steps = std::max(compute ? 1.0 : 0.0, steps_beyond(by, each, run));
    out = std::max(out, each.drift * std::sqrt(steps));
  }
  return out;
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
  out.inner = inner_holdouts(points, stage, out.laws, options.fit);
  for (std::size_t k = 0; k < out.laws.size(); ++k) {
    const InnerHoldout& by_compute = out.inner.front();
    if (!by_compute.law_errors.empty()) out.laws[k].inner_error = by_compute.law_errors[k];
  }
  weigh(out.laws, out.inner.front().weights);
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
  if (options.fit.draws < kFewestDraws) {
    wrong.push_back(fmt::format("{} refits: a forecast needs {} at least for its intervals",
                                options.fit.draws, kFewestDraws));
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
  std::vector<ForecastLaw> laws = by.laws;
  weigh(laws, most_like(by, run).weights);
  const auto expected = predictive(laws, run, drift_at(by, run), seed);
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
