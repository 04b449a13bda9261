#include "fit/evidence/holdout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "fit/laws/law_columns.h"
#include "fit/laws/law_parts.h"
#include "fit/laws/laws.h"
#include "fit/solve/objective.h"
#include "fit/solve/resample.h"
#include "fit/solve/spread.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

// The law that bends with N as it likes: with fewer it follows the noise, and is asked by name
// only.
constexpr std::size_t kFewestForFarseer = 100;
constexpr std::size_t kManyPoints = 5000;  // for which nearly every start finds the optimum

Points pick(const Points& points, const std::vector<int>& which) {
  Points out;
  for (const int i : which) out.push_back(points[static_cast<std::size_t>(i)]);
  return out;
}

std::vector<int> tested_points(const HoldoutPlan& plan) {
  std::vector<int> out;
  for (const HoldoutSplit& split : plan.splits) {
    out.insert(out.end(), split.test.begin(), split.test.end());
  }
  return out;
}

// Means over the held-out points.
void summarise_errors(const std::vector<int>& tested, HeldOutLaw& out) {
  const auto count = static_cast<double>(out.log_errors.size());
  double squares = 0;
  for (std::size_t k = 0; k < out.log_errors.size(); ++k) {
    const double error = std::expm1(out.log_errors[k]);
    out.mean_error += std::abs(error) / count;
    out.bias += error / count;
    squares += error * error / count;
    if (k > 0 && std::abs(error) <= std::abs(out.worst)) continue;
    out.worst = error;
    out.worst_point = tested[k];
  }
  out.rms = std::sqrt(squares);
}

HeldOutLaw test_law(const Points& points, const HoldoutPlan& plan, FitOptions options) {
  HeldOutLaw out;
  out.law = options.law;
  out.identifiable = true;
  options.draws = 0;
  for (const HoldoutSplit& split : plan.splits) {
    FitOptions own = options;
    // Every law of every split is a full search; with many points nearly every start finds it.
    if (split.train.size() > kManyPoints) own.starts = std::max(1, options.starts / 4);
    const FitResult fit = fit_law(pick(points, split.train), own);
    out.coefficients = free_coefficients(fit);
    out.objective += fit.objective;
    out.identifiable = out.identifiable && fit.identifiable;
    const Objective test = make_objective(*fit.law, pick(points, split.test), options.huber_delta);
    const Eigen::VectorXd errors = residuals(test, test.centred(fit.theta));
    out.log_errors.insert(out.log_errors.end(), errors.begin(), errors.end());
  }
  summarise_errors(tested_points(plan), out);
  return out;
}

constexpr int kForecastDraws = 200;
constexpr int kForecastStarts = 16;

HeldOutForecast test_forecast(const Points& points, const HoldoutPlan& plan, FitOptions options) {
  HeldOutForecast out;
  options.draws = kForecastDraws;
  options.starts = std::min(options.starts, kForecastStarts);
  for (const HoldoutSplit& split : plan.splits) {
    const Forecaster forecaster = make_forecaster(pick(points, split.train), {options, {}});
    for (const StageForecaster& each : forecaster.stages) out.laws.push_back(each.describe());
    for (const int i : split.test) {
      const Point& point = points[static_cast<std::size_t>(i)];
      const StageForecaster* own = forecaster_at(forecaster, point.stage);
      Forecast found;
      found.unknown = "no run of its stage trains";
      if (own != nullptr) {
        found = forecast_run(*own, {point.params, point.tokens}, forecaster.seed);
      }
      if (found.loss) {
        out.runs.push_back({found.run, *found.loss, found.intervals, point.loss});
        out.points.push_back(i);
      } else if (out.unknown++ == 0) {
        out.reason = found.unknown;
      }
    }
  }
  out.score = score(out.runs);
  return out;
}

double mean_log_error(const HeldOutLaw& law) {
  double sum = 0;
  for (const double each : law.log_errors) sum += std::abs(each);
  return sum / static_cast<double>(law.log_errors.size());
}

// Of (mean |log error| of `law`) - (that of `best`), runs drawn whole.
Range difference_interval(const HeldOutLaw& law, const HeldOutLaw& best, const Resampler& worlds,
                          int resamples) {
  std::vector<double> means;
  for (int d = 0; d < resamples; ++d) {
    const Resample world = worlds.draw(d);
    double sum = 0, weight = 0;
    for (std::size_t k = 0; k < world.count.size(); ++k) {
      sum += world.count[k] * (std::abs(law.log_errors[k]) - std::abs(best.log_errors[k]));
      weight += world.count[k];
    }
    means.push_back(sum / weight);
  }
  std::sort(means.begin(), means.end());
  return {quantile(means, kTail), quantile(means, 1 - kTail)};
}

void compare(const Points& points, const HoldoutOptions& options, Holdout& out) {
  const Points tested = pick(points, tested_points(out.plan));
  // Laws are judged on the same resampled runs: what makes a run hard for all of them cancels.
  const Resampler worlds(tested, Resampling::kClusters, options.fit.seed);
  out.test_points = static_cast<int>(tested.size());
  out.test_runs = worlds.clusters();
  // Log errors decide, as they do in the fit: 10 % too high and 10 % too low weigh the same.
  const auto error = [](const HeldOutLaw& a, const HeldOutLaw& b) {
    return mean_log_error(a) < mean_log_error(b);
  };
  const auto best = std::min_element(out.laws.begin(), out.laws.end(), error);
  out.best = static_cast<std::size_t>(best - out.laws.begin());
  out.supported = out.best;
  for (std::size_t k = 0; k < out.laws.size(); ++k) {
    HeldOutLaw& law = out.laws[k];
    law.fall = 1 - law.objective / out.laws.front().objective;
    if (k == out.best) continue;
    law.behind_best = difference_interval(law, *best, worlds, options.resamples);
    law.beaten = out.test_runs >= kFewestTestRuns && law.behind_best->low > 0;
    // Too few runs beat nothing; that is no reason to prefer what misses them by more.
    const bool enough = out.test_runs >= kFewestTestRuns;
    if (law.beaten || !enough || mean_log_error(law) > kAsGood * mean_log_error(*best)) continue;
    const HeldOutLaw& simplest = out.laws[out.supported];
    // Among laws that chance may have put behind the best, fewer coefficients win; it is what to
    // trust far from the data.
    const bool simpler = law.coefficients < simplest.coefficients ||
                         (law.coefficients == simplest.coefficients && error(law, simplest));
    if (simpler) out.supported = k;
  }
}

std::string verdict_of(const Holdout& result) {
  const HeldOutLaw& best = result.laws[result.best];
  const HeldOutLaw& supported = result.laws[result.supported];
  const auto beaten = std::count_if(result.laws.begin(), result.laws.end(),
                                    [](const auto& law) { return law.beaten; });
  const auto error = [](const HeldOutLaw& law) {
    return fmt::format("{:.3g} %", 100 * law.mean_error);
  };
  std::string out;
  if (result.laws.size() > 1 && result.test_runs < kFewestTestRuns) {
    out = fmt::format("{} held-out run{} too few to choose a law by; {} has the least error ({})",
                      result.test_runs, result.test_runs == 1 ? " is" : "s are", best.law,
                      error(best));
  } else if (result.laws.size() == 1) {
    out = fmt::format("{} misses held-out losses by {} on average", best.law, error(best));
  } else if (beaten + 1 == static_cast<std::ptrdiff_t>(result.laws.size())) {
    out = fmt::format("{} is better than every other law by more than chance (held-out error {})",
                      best.law, error(best));
  } else if (&best == &supported) {
    out = fmt::format(
        "{} ({} coefficients) is enough: it has the smallest held-out error ({}), though not by "
        "more than chance",
        best.law, best.coefficients, error(best));
  } else {
    out = fmt::format(
        "{} ({} coefficients) is enough: {} has a smaller held-out error ({} against "
        "{}), but not by more than chance",
        supported.law, supported.coefficients, best.law, error(best), error(supported));
  }
  if (!supported.identifiable) {
    out += fmt::format("; the coefficients of {} are not identifiable", supported.law);
  }
  return out;
}

// Why a law cannot be asked of these points at all; empty: it can.
std::string why_not(const std::string& name, const Points& points) {
  const Law& law = law_of_fit(name);
  if (std::string why = why_unsuitable(law, points); !why.empty()) return why;
  const std::vector<LawPart> parts = parts_of(law);
  if (std::none_of(parts.begin(), parts.end(),
                   [&](const LawPart& part) { return indices_of(part, points).empty(); })) {
    return "";
  }
  std::vector<std::string_view> strategies;
  for (const LawPart& part : parts) strategies.push_back(part.strategy);
  return fmt::format("law {} needs {} points", name, fmt::join(strategies, " and "));
}

}  // namespace

std::vector<std::string> suitable_laws(const Points& points) {
  std::vector<std::string_view> names = law_names();
  names.push_back(kTwoStageLaw);
  const bool several = has_continued(points);
  std::vector<std::string> out;
  for (const std::string_view name : names) {
    if ((parts_of(law_of_fit(name)).size() > 1) != several) continue;
    const bool flexible = &law_of_fit(name) == &farseer_law();
    if (flexible && points.size() < kFewestForFarseer) continue;
    if (several || why_not(std::string(name), points).empty()) out.emplace_back(name);
  }
  return out;
}

Holdout hold_out(const Points& points, const HoldoutPlan& plan, const HoldoutOptions& options) {
  Holdout out;
  out.plan = plan;
  for (const std::string& law : options.laws) {
    const std::string why = why_not(law, points);
    if (!why.empty()) throw std::invalid_argument(why);
  }
  for (const std::string& law : options.laws.empty() ? suitable_laws(points) : options.laws) {
    FitOptions settings = options.fit;
    settings.law = law;
    try {
      out.laws.push_back(test_law(points, plan, settings));
    } catch (const std::invalid_argument& error) {
      if (!options.laws.empty()) throw;
      out.skipped.push_back({law, error.what()});
    }
  }
  if (out.laws.empty()) {
    throw std::invalid_argument(fmt::format("holding out {}: no law can be fitted to the rest ({})",
                                            plan.rule, out.skipped.front().reason));
  }
  compare(points, options, out);
  out.verdict = verdict_of(out);
  if (options.forecast) out.forecast = test_forecast(points, plan, options.fit);
  return out;
}

}  // namespace crosslaw::fit
