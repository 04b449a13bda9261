#include "fit/solve/core.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "fit/data/median.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/identifiability.h"
#include "fit/solve/search.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kMostOtherOptima = 10;
// Another optimum this close to the best may be the best of a resample.
constexpr double kRivalObjective = 1.25;
constexpr std::size_t kMostRivals = 4;

std::vector<double> values_of(const Law& law, const Theta& plain) {
  std::vector<double> out;
  for (int i = 0; i < law.size(); ++i) {
    out.push_back(coefficient_value(law.coefficients[static_cast<std::size_t>(i)], plain[i]));
  }
  return out;
}

Certificate certify(const Objective& objective, const SearchSummary& found,
                    const Identifiability& verdict) {
  Certificate out;
  out.gradient_norm = found.best.gradient_norm;
  out.gradient_scale = found.best.pull;
  out.starts = found.starts;
  out.starts_at_best = found.starts_at_best;
  out.starts_unfinished = found.starts_unfinished;
  out.points_searched = found.samples;
  out.condition = verdict.condition;
  out.at_bound = verdict.at_bound;
  const Eigen::VectorXd r = residuals(objective, found.best.theta);
  const auto inside = (r.array().abs() <= objective.delta).count();
  out.quadratic_share = static_cast<double>(inside) / static_cast<double>(r.size());
  out.rms_log_residual = std::sqrt(r.squaredNorm() / static_cast<double>(r.size()));
  for (const Basin& basin : found.basins) {
    if (basin.objective <= found.basins.front().objective) continue;
    if (out.other_optima.size() == kMostOtherOptima) break;
    out.other_optima.push_back(
        {basin.objective, basin.starts, values_of(*objective.law, objective.plain(basin.theta))});
  }
  return out;
}

std::vector<std::string> doubts(const Certificate& certificate, bool converged) {
  std::vector<std::string> out;
  if (!converged) {
    out.push_back(
        fmt::format("the solver stopped before a stationary point (gradient {:.2g} of {:.2g})",
                    certificate.gradient_norm, certificate.gradient_scale));
  }
  if (certificate.starts > 1 && certificate.starts_at_best < 2) {
    out.push_back(
        fmt::format("{} of {} starts reached the best objective: the optimum may not be "
                    "the global one",
                    certificate.starts_at_best, certificate.starts));
  }
  return out;
}

// Of sorted (value, weight): the value above which no more than half of the weight lies.
double weighted_median(const std::vector<std::pair<double, double>>& sorted) {
  double all = 0, below = 0;
  for (const auto& [value, weight] : sorted) all += weight;
  for (const auto& [value, weight] : sorted) {
    below += weight;
    if (2 * below > all) return value;
  }
  return sorted.back().first;
}

}  // namespace

double chosen_delta(const Objective& objective, const Theta& centred) {
  // Around 1.345, with which normal noise loses 5 % (Huber 1981); less is better where outliers lie
  // on one side.
  constexpr std::array<double, 7> kMultiples = {0.3, 0.5, 0.7, 1.0, 1.345, 2.0, 3.0};
  constexpr double kSmallest = 1e-6;  // noise that is rounding
  const Eigen::VectorXd r = residuals(objective, centred);
  std::vector<std::pair<double, double>> sizes;  // with their weights
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    sizes.emplace_back(std::abs(r[i]), objective.samples[static_cast<std::size_t>(i)].weight);
  }
  // A fit passes through as many points as it has coefficients; these say nothing of the noise.
  std::sort(sizes.begin(), sizes.end());
  const auto fitted = static_cast<std::size_t>(objective.box.free_count(objective.law->size()));
  if (sizes.size() > fitted + 1) {
    sizes.erase(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(fitted));
  }
  const double deviation = kDeviationOfMedian * weighted_median(sizes);
  double best = 1.345 * deviation;
  double least = std::numeric_limits<double>::infinity();
  for (const double multiple : kMultiples) {
    const double delta = multiple * deviation;
    double squares = 0, inside = 0;
    for (const auto& [size, weight] : sizes) {
      squares += weight * std::pow(std::min(size, delta), 2);
      inside += size <= delta ? weight : 0;
    }
    const double variance = squares / (inside * inside);
    if (!(variance < least)) continue;
    least = variance;
    best = delta;
  }
  return std::max(best, kSmallest);
}

bool all_identifiable(const FitResult& result) {
  return std::all_of(result.coefficients.begin(), result.coefficients.end(),
                     [](const Coefficient& each) { return each.identifiable; });
}

void require_usable(const Points& points, const FitOptions& options) {
  std::vector<std::string> wrong = problems(options);
  for (std::string& each : problems(points)) wrong.push_back(std::move(each));
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
}

void require_enough(const Objective& objective, std::string_view strategy) {
  const int needed = objective.box.free_count(objective.law->size());
  const auto have = static_cast<int>(objective.samples.size());
  if (have < needed) {
    throw std::invalid_argument(fmt::format("{} {} cannot fit {} coefficients ({})", have,
                                            labelled(strategy, "points"), needed,
                                            objective.law->formula));
  }
}

Core fit_core(Objective objective, const Theta& fixed, const FitOptions& options) {
  Core core;
  const SearchSummary found =
      search(objective, fixed, {options.starts, options.threads, options.seed});
  const Identifiability verdict = judge(objective, found.best.theta);
  FitResult& result = core.result;
  result.law = objective.law;
  result.draws.resize(0, objective.law->size());
  result.points = static_cast<int>(objective.samples.size());
  result.huber_delta = objective.delta;
  result.objective = found.best.objective;
  result.converged = found.best.converged;
  result.confounded = verdict.confounded;
  result.theta = objective.plain(found.best.theta);
  result.certificate = certify(objective, found, verdict);
  result.problems = verdict.problems;
  const std::vector<double> values = values_of(*objective.law, result.theta);
  for (std::size_t i = 0; i < values.size(); ++i) {
    Coefficient coefficient;
    coefficient.name = objective.law->coefficients[i].name;
    coefficient.value = values[i];
    coefficient.frozen = !objective.box.free[i];
    std::string reason = verdict.reasons[i];
    // Standard errors judge where no draws will.
    if (reason.empty() && options.draws == 0 && !verdict.rough_reasons[i].empty()) {
      reason = verdict.rough_reasons[i];
      result.problems.push_back(reason);
    }
    if (!reason.empty()) coefficient.verdict = {Knowledge::kNotKnown, reason};
    coefficient.identifiable = reason.empty();
    result.coefficients.push_back(coefficient);
  }
  result.identifiable = all_identifiable(result);
  for (std::string& each : doubts(result.certificate, result.converged)) {
    result.problems.push_back(std::move(each));
  }
  core.centred = found.best.theta;
  for (const Basin& basin : found.basins) {
    const double least = found.basins.front().objective;
    if (basin.objective <= least || basin.objective > kRivalObjective * least) continue;
    if (core.rivals.size() < kMostRivals) core.rivals.push_back(basin.theta);
  }
  core.objective = std::move(objective);
  return core;
}

}  // namespace crosslaw::fit
