#include "fit/evidence/prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "fit/laws/law_columns.h"
#include "fit/solve/distributions.h"
#include "fit/solve/objective.h"
#include "fit/solve/random.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

// Each bootstrap law meets several residuals: the tails of their product need more than one a draw.
constexpr int kResidualsPerDraw = 32;
constexpr double kQuietFactor = 1.05;  // factors outside the measured range below this are silent

// A strategy with the points behind it.
struct Strategy {
  std::string name;
  FitResult fit;
  Points points;
};

std::vector<Strategy> strategies_of(const Points& points, const FitResult& fit) {
  std::vector<Strategy> out;
  for (StrategyFit& each : strategy_fits(fit)) {
    out.push_back({each.name, std::move(each.fit), points_at(each.stage, points)});
  }
  return out;
}

// log observed - log predicted of every point, as large as those of points that were not fitted.
std::vector<double> scatter_of(const Strategy& strategy) {
  const Objective objective =
      make_objective(*strategy.fit.law, strategy.points, strategy.fit.huber_delta);
  const Eigen::VectorXd r = residuals(objective, objective.centred(strategy.fit.theta));
  const auto fitted = static_cast<double>(
      std::count_if(strategy.fit.coefficients.begin(), strategy.fit.coefficients.end(),
                    [](const Coefficient& each) { return !each.frozen; }));
  // Fitted residuals are too small: p coefficients have bent the law towards the points.
  const auto count = static_cast<double>(r.size());
  const double factor = std::sqrt(count / std::max(1.0, count - fitted));
  std::vector<double> out;
  for (const double each : r) out.push_back(-factor * each);
  return out;
}

double loss_by(const Strategy& strategy, const Theta& theta, const NewRun& run) {
  return predicted_loss(*strategy.fit.law, theta, run.params, run.tokens);
}

// One residual of a new run: of the size that the noise has in this draw, else one of the fit's.
double scatter_in(const NewRunNoise& noise, const std::vector<double>& scatter, Eigen::Index draw,
                  Random& random) {
  if (noise.deviation.empty()) {
    return scatter[random.index(static_cast<std::uint32_t>(scatter.size()))];
  }
  const double standard = noise.laplace ? random.laplace() / std::numbers::sqrt2 : random.normal();
  return noise.deviation[static_cast<std::size_t>(draw)] * standard;
}

std::optional<Range> run_interval(const Strategy& strategy, const std::vector<double>& scatter,
                                  const NewRun& run, std::uint64_t seed) {
  const Eigen::MatrixXd& draws = strategy.fit.draws;
  if (draws.rows() < kFewestDraws) return std::nullopt;
  std::vector<double> losses;
  for (Eigen::Index d = 0; d < draws.rows(); ++d) {
    const double loss = loss_by(strategy, draws.row(d).transpose(), run);
    // One stream a draw: the same residuals for every run asked about, so that answers compare.
    Random random(seed, static_cast<std::uint64_t>(d));
    for (int k = 0; k < kResidualsPerDraw; ++k) {
      losses.push_back(loss * std::exp(scatter_in(strategy.fit.new_run, scatter, d, random)));
    }
  }
  // The law's draws and the scatter of single runs together: their product, not their sum of
  // errors, as the scatter is relative.
  std::sort(losses.begin(), losses.end());
  const Range out{quantile(losses, kTail), quantile(losses, 1 - kTail)};
  if (!std::isfinite(out.low) || !std::isfinite(out.high)) return std::nullopt;
  return out;
}

double times_outside(double value, const Range& range) {
  if (value > range.high) return value / range.high;
  if (value < range.low) return value / range.low;
  return 1;
}

void warn_where_outside(double factor, const char* what, const Range& range,
                        std::vector<std::string>& out) {
  if (factor > kQuietFactor) {
    out.push_back(fmt::format("{} is {:.3g} times above the largest measured ({:.3g})", what,
                              factor, range.high));
  } else if (factor < 1 / kQuietFactor) {
    out.push_back(fmt::format("{} is {:.3g} times below the smallest measured ({:.3g})", what,
                              1 / factor, range.low));
  }
}

// `covered`: what was measured; absent where nobody knows.
Prediction predict_one(const Strategy& strategy, const std::vector<double>& scatter,
                       const std::optional<DataRange>& covered, const NewRun& run,
                       std::uint64_t seed) {
  Prediction out;
  out.run = run;
  out.stage = strategy.name;
  out.loss =
      estimate(strategy.fit, [&](const Theta& theta) { return loss_by(strategy, theta, run); });
  if (!scatter.empty()) out.run_ci95 = run_interval(strategy, scatter, run, seed);
  const std::string given = taken_for_given(*strategy.fit.law);
  if (!given.empty()) out.warnings.push_back("the loss is that of " + given);
  // Off the ray the law has never been seen, however near N and D are.
  if (!strategy.fit.confounded.empty()) out.warnings.push_back(strategy.fit.confounded);
  if (!covered) return out;
  const Outside outside = outside_of(*covered, strategy.fit.compute_model(), run);
  out.flops_factor = outside.flops_factor;
  out.ratio_factor = outside.ratio_factor;
  out.warnings.insert(out.warnings.end(), outside.warnings.begin(), outside.warnings.end());
  return out;
}

// Quantiles of a normal distribution of this deviation, evenly spaced in probability: residuals
// that stand for those of points which are not there.
std::vector<double> normal_scatter(double deviation) {
  constexpr int kQuantiles = 199;
  std::vector<double> out;
  if (!(deviation > 0)) return out;
  for (int k = 1; k <= kQuantiles; ++k) {
    out.push_back(deviation * normal_quantile(static_cast<double>(k) / (kQuantiles + 1)));
  }
  return out;
}

void require_size_and_tokens(const Law& law) {
  const std::string why = why_more_than_size_and_tokens(law);
  if (!why.empty()) throw std::invalid_argument(why);
}

}  // namespace

void require_positive(const std::vector<NewRun>& runs) {
  for (const NewRun& run : runs) {
    if (std::isfinite(run.params) && run.params > 0 && std::isfinite(run.tokens) &&
        run.tokens > 0) {
      continue;
    }
    throw std::invalid_argument(fmt::format(
        "new run N = {}, D = {}: both must be finite and above 0", run.params, run.tokens));
  }
}

Outside outside_of(const DataRange& covered, const ComputeModel& compute, const NewRun& run) {
  Outside out;
  const double flops = compute.flops_per_token(run.params) * run.tokens;
  out.flops_factor = times_outside(flops, covered.flops);
  out.ratio_factor = times_outside(run.tokens / run.params, covered.tokens_per_param);
  warn_where_outside(out.flops_factor, compute.measured ? "C" : "6ND", covered.flops, out.warnings);
  warn_where_outside(out.ratio_factor, "D/N", covered.tokens_per_param, out.warnings);
  return out;
}

std::vector<Prediction> predict(const FitResult& fit, const std::vector<NewRun>& runs,
                                std::uint64_t seed) {
  require_positive(runs);
  require_size_and_tokens(*fit.law);
  std::vector<Prediction> out;
  for (const NewRun& run : runs) {
    for (const StrategyFit& each : strategy_fits(fit)) {
      const Strategy strategy{each.name, each.fit, {}};
      const double rms = each.fit.certificate.rms_log_residual;
      out.push_back(predict_one(strategy, normal_scatter(rms), each.fit.measured_range, run, seed));
    }
  }
  return out;
}

std::vector<Prediction> predict(const Points& points, const FitResult& fit,
                                const std::vector<NewRun>& runs, std::uint64_t seed) {
  require_positive(runs);
  require_size_and_tokens(*fit.law);
  if (static_cast<int>(points.size()) != fit.points) {
    throw std::invalid_argument(
        fmt::format("a fit of {} points was not made from {} points", fit.points, points.size()));
  }
  std::vector<Strategy> strategies = strategies_of(points, fit);
  std::vector<std::vector<double>> scatters;
  for (const Strategy& each : strategies) scatters.push_back(scatter_of(each));
  std::vector<Prediction> out;
  for (const NewRun& run : runs) {
    for (std::size_t s = 0; s < strategies.size(); ++s) {
      out.push_back(
          predict_one(strategies[s], scatters[s], coverage(strategies[s].points), run, seed));
    }
  }
  return out;
}

}  // namespace crosslaw::fit
