#include "fit/evidence/forecast_score.h"

#include <algorithm>
#include <cmath>

namespace crosslaw::fit {
namespace {

constexpr double kNoReach = 1e-12;  // of an interval in log loss: it is a point

// P(at most k of n) at a share p, summed in logs.
double binomial_up_to(int k, int n, double p) {
  double out = 0;
  for (int i = 0; i <= k; ++i) {
    out += std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) +
                    i * std::log(p) + (n - i) * std::log1p(-p));
  }
  return out;
}

// The shares of n runs that lie inside with 95 % probability where each does with probability p.
Range shares_by_chance(int n, double p) {
  int low = 0, high = n;
  while (low < n && binomial_up_to(low, n, p) < 0.025) ++low;
  while (high > low && binomial_up_to(high - 1, n, p) > 0.975) --high;
  return {static_cast<double>(low) / n, static_cast<double>(high) / n};
}

// |log error| in units of the interval's reach on the side of what was observed.
double reaches(const ScoredRun& run, const Range& interval) {
  const double above = std::log(run.observed) - std::log(run.predicted);
  const double end = above > 0 ? interval.high : interval.low;
  const double reach = std::abs(std::log(end) - std::log(run.predicted));
  return std::abs(above) / std::max(reach, kNoReach);
}

}  // namespace

double ScoredRun::log_error() const { return std::log(predicted) - std::log(observed); }

ForecastScore score(const std::vector<ScoredRun>& runs) {
  ForecastScore out;
  out.runs = static_cast<int>(runs.size());
  const auto count = static_cast<double>(runs.size());
  for (const ScoredRun& each : runs) {
    const double error = std::expm1(each.log_error());
    out.mean_error += std::abs(error) / count;
    out.bias += error / count;
    out.rms += error * error / count;
    if (std::abs(error) > std::abs(out.worst)) out.worst = error;
    for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
      const Range& interval = each.intervals[k];
      const bool held = interval.low <= each.observed && each.observed <= interval.high;
      out.inside[k] += held ? 1 / count : 0;
    }
    out.mean_width += (each.intervals.back().high / each.intervals.back().low - 1) / count;
  }
  out.rms = std::sqrt(out.rms);
  for (std::size_t k = 0; out.runs > 0 && k < kForecastLevels.size(); ++k) {
    out.by_chance[k] = shares_by_chance(out.runs, kForecastLevels[k]);
  }
  return out;
}

ConformalFactor conformal_factor(const std::vector<ScoredRun>& past) {
  ConformalFactor out;
  out.runs = static_cast<int>(past.size());
  if (past.empty()) return out;
  for (std::size_t k = 0; k < kForecastLevels.size(); ++k) {
    std::vector<double> scores;
    for (const ScoredRun& each : past) scores.push_back(reaches(each, each.intervals[k]));
    std::sort(scores.begin(), scores.end());
    const double rank = std::ceil((out.runs + 1) * kForecastLevels[k]);
    if (rank > out.runs) out.level[k] = out.runs / (out.runs + 1.0);
    const double place = std::min(rank, static_cast<double>(out.runs));
    out.factor[k] = std::max(1.0, scores[static_cast<std::size_t>(place) - 1]);
  }
  return out;
}

ForecastIntervals widened(const ForecastIntervals& intervals, double predicted,
                          const ConformalFactor& by) {
  ForecastIntervals out = intervals;
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k].low = predicted * std::pow(intervals[k].low / predicted, by.factor[k]);
    out[k].high = predicted * std::pow(intervals[k].high / predicted, by.factor[k]);
  }
  return out;
}

Forecast widened(Forecast forecast, const ConformalFactor& by) {
  if (forecast.loss) forecast.intervals = widened(forecast.intervals, *forecast.loss, by);
  return forecast;
}

}  // namespace crosslaw::fit
