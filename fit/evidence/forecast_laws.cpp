#include "fit/evidence/forecast_laws.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "fit/laws/law_columns.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/fitter.h"
#include "fit/solve/objective.h"
#include "fit/solve/random.h"
#include "fit/solve/resample.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

constexpr int kRunsPerDraw = 8;  // scatters of a run that each draw of a law meets

std::string_view strategy_name(Stage stage) {
  return stage == Stage::kScratch ? "scratch" : "continued";
}

FitOptions settings_of(const FitOptions& options, const std::string& law) {
  FitOptions out = options;
  out.law = law;
  out.auto_delta = true;
  out.constraints.clear();
  out.over_weight = 1;
  return out;
}

// The noise around a law, as its own draws know it.
NoiseModel noise_around(const Points& points, const FitResult& fit) {
  const Objective objective = make_objective(*fit.law, points, fit.huber_delta);
  const Theta centred = objective.centred(fit.theta);
  const Runs runs = runs_of(points, all_indices(points), objective, centred);
  return fit_noise(objective, centred, runs.of);
}

// Throws std::invalid_argument, saying why, where the law cannot forecast.
ForecastLaw fit_one(const Points& points, const std::optional<Stage>& stage,
                    const std::string& name, const FitOptions& options) {
  const Law& law = law_of_fit(name);
  const bool both = parts_of(law).size() > 1;
  const Points own = points_at(stage, points);
  // What N and D do not say would be made up, for the runs of the inner hold-out as well.
  if (const std::string more = read_beside_size_and_tokens(law); !more.empty()) {
    throw std::invalid_argument("a new run N:D does not say " + more);
  }
  if (both && !stage) throw std::invalid_argument("the points are all of one stage");
  ForecastLaw out;
  out.law = name;
  const FitResult whole = fit_law(both ? points : own, settings_of(options, name));
  out.fit = both ? strategy_fit(whole, strategy_name(*stage)) : whole;
  const auto fitted = static_cast<std::size_t>(
      std::count_if(out.fit.coefficients.begin(), out.fit.coefficients.end(),
                    [](const Coefficient& each) { return !each.frozen; }));
  if (own.size() < fitted + static_cast<std::size_t>(kFewestFreedom)) {
    throw std::invalid_argument(
        fmt::format("{} points leave fewer than two degrees of freedom beside {} coefficients",
                    own.size(), fitted));
  }
  if (options.draws > 0 && out.fit.draws.rows() < kFewestDraws) {
    throw std::invalid_argument("its refits do not converge, or its runs are too few");
  }
  out.noise = noise_around(own, out.fit);
  out.noise.freedom = std::max(out.noise.freedom, kFewestFreedom);
  return out;
}

}  // namespace

double ForecastLaw::log_loss(const NewRun& run) const {
  return std::log(predicted_loss(*fit.law, fit.theta, run.params, run.tokens));
}

double compute_power(const Points& points) {
  double largest = 0;
  for (const Point& each : points) largest = std::max(largest, training_flops(each));
  const double needed = std::min(kFewestEffective, static_cast<double>(points.size()));
  // Kish's effective number of points, (sum w)^2 / sum w^2, falls from n as the power rises.
  const auto effective = [&](double power) {
    double sum = 0, squares = 0;
    for (const Point& each : points) {
      const double weight = std::pow(training_flops(each) / largest, power);
      sum += weight;
      squares += weight * weight;
    }
    return sum * sum / squares;
  };
  if (points.empty() || effective(kComputePower) >= needed) return kComputePower;
  double low = 0, high = kComputePower;
  for (int step = 0; step < 40; ++step) {
    const double middle = 0.5 * (low + high);
    (effective(middle) >= needed ? low : high) = middle;
  }
  return low;
}

Points weighted_by_compute(Points points) {
  const double power = compute_power(points);
  double largest = 0, sum = 0;
  for (const Point& each : points) largest = std::max(largest, training_flops(each));
  for (const Point& each : points) sum += std::pow(training_flops(each) / largest, power);
  const double mean = sum / static_cast<double>(points.size());
  for (Point& each : points) {
    each.weight *= std::pow(training_flops(each) / largest, power) / mean;
  }
  return points;
}

FittedLaws fit_forecast_laws(const Points& points, const std::optional<Stage>& stage,
                             const std::vector<std::string>& names, const FitOptions& options) {
  const Points weighted = weighted_by_compute(points);
  FittedLaws out;
  for (const std::string& name : names) {
    try {
      out.laws.push_back(fit_one(weighted, stage, name, options));
    } catch (const std::invalid_argument& error) {
      out.left_out.push_back({name, error.what()});
    }
  }
  const auto clear = [](const ForecastLaw& each) { return each.fit.confounded.empty(); };
  if (std::any_of(out.laws.begin(), out.laws.end(), clear)) {
    for (const ForecastLaw& each : out.laws) {
      if (!clear(each)) out.left_out.push_back({each.law, each.fit.confounded});
    }
    std::erase_if(out.laws, [&](const ForecastLaw& each) { return !clear(each); });
  } else if (!out.laws.empty()) {
    // Along one line of log N and log D more coefficients only blur.
    const auto count = [](const ForecastLaw& each) { return each.fit.law->size(); };
    const int fewest = count(*std::min_element(
        out.laws.begin(), out.laws.end(),
        [&](const ForecastLaw& a, const ForecastLaw& b) { return count(a) < count(b); }));
    for (const ForecastLaw& each : out.laws) {
      if (count(each) > fewest) out.left_out.push_back({each.law, each.fit.confounded});
    }
    std::erase_if(out.laws, [&](const ForecastLaw& each) { return count(each) > fewest; });
  }
  for (ForecastLaw& each : out.laws) each.weight = 1 / static_cast<double>(out.laws.size());
  return out;
}

double Predictive::quantile(double q) const {
  // Between the middles of the weights that two outcomes stand for.
  double below = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& [value, weight] = outcomes[i];
    const double at = below + 0.5 * weight;
    if (at >= q) {
      if (i == 0) return value;
      const auto& [earlier, half] = outcomes[i - 1];
      const double from = below - 0.5 * half;
      return earlier + (value - earlier) * (q - from) / (at - from);
    }
    below += weight;
  }
  return outcomes.back().first;
}

std::optional<Predictive> predictive(const std::vector<ForecastLaw>& laws, const NewRun& run,
                                     double drift, std::uint64_t seed) {
  Predictive out;
  for (const ForecastLaw& each : laws) out.middle += each.weight * each.log_loss(run);
  if (!std::isfinite(out.middle)) return std::nullopt;
  double lost = 0, squares = 0;
  for (const ForecastLaw& each : laws) {
    squares += each.weight * std::pow(each.log_loss(run) - out.middle, 2);
    const auto rows = each.fit.draws.rows();
    const double weight = each.weight / static_cast<double>(rows * kRunsPerDraw);
    for (Eigen::Index d = 0; d < rows; ++d) {
      const double expected = std::log(
          predicted_loss(*each.fit.law, each.fit.draws.row(d).transpose(), run.params, run.tokens));
      // One stream a draw: the same scatter for every run asked about, so that answers compare.
      Random random(seed, static_cast<std::uint64_t>(d));
      const double scatter = std::hypot(each.noise.drawn(random).deviation(), drift);
      for (int k = 0; k < kRunsPerDraw; ++k) {
        const double outcome = expected + scatter * random.normal();
        if (std::isfinite(outcome)) {
          out.outcomes.emplace_back(outcome, weight);
        } else {
          lost += weight;
        }
      }
    }
  }
  if (lost > kTail || out.outcomes.empty()) return std::nullopt;
  out.spread = std::sqrt(squares);
  std::sort(out.outcomes.begin(), out.outcomes.end());
  for (auto& [value, weight] : out.outcomes) weight /= 1 - lost;
  return out;
}

}  // namespace crosslaw::fit
