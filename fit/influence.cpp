#include "fit/influence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include "fit/core.h"
#include "fit/laws/laws.h"
#include "fit/parallel.h"
#include "fit/power_form.h"

namespace crosslaw::fit {
namespace {

constexpr double kNoOptimum = std::numeric_limits<double>::infinity();

// The core of a finished fit, without its search.
Core core_of(const FitResult& fit, const Points& points, std::vector<int> index) {
  Core core;
  core.problem = make_problem(*fit.law, points, fit.huber_delta);
  for (std::size_t i = 0; i < fit.coefficients.size(); ++i) {
    core.problem.box.free[i] = !fit.coefficients[i].frozen;
  }
  core.centred = core.problem.centred(fit.theta);
  core.index = std::move(index);
  return core;
}

// Refits a finished fit in other worlds, warm-started at its optimum.
class Refitter {
 public:
  Refitter(const Points& points, const FitResult& fit) {
    if (fit.stages.empty()) {
      stages_.push_back(core_of(fit, points, all_indices(points)));
      return;
    }
    for (const Stage stage : {Stage::kScratch, Stage::kContinued}) {
      const FitResult& part = fit.stages.at(stages_.size());
      stages_.push_back(core_of(part, select_stage(points, stage), indices_of(points, stage)));
    }
  }

  // The plain theta of the fit's law and the objective.
  std::optional<std::pair<Theta, double>> operator()(const Resample& world) const {
    const std::optional<Refit> first = refit_stage(stages_[0], world, stages_[0].centred);
    if (!first || stages_.size() == 1) return first;
    const Core& continued = stages_[1];
    Theta start = continued.problem.plain(continued.centred);
    start.head(3) = first->first.head(3);  // E, A and alpha
    const std::optional<Refit> second =
        refit_stage(continued, world, continued.problem.centred(start));
    if (!second) return std::nullopt;
    Theta both(joint_law().size());
    both << first->first, second->first.tail(3);
    return Refit{both, first->second + second->second};
  }

 private:
  using Refit = std::pair<Theta, double>;

  static std::optional<Refit> refit_stage(const Core& core, const Resample& world,
                                          const Theta& start) {
    std::vector<Sample> samples;
    apply(world, core.problem, core.index, core.centred, core.noise, samples);
    const int needed = core.problem.box.free_count(core.problem.law->size());
    if (static_cast<int>(samples.size()) < needed) return std::nullopt;
    const Draw found = refit(core, world, start);
    if (!found) return std::nullopt;
    Sums sums;
    core.problem.law->accumulate(*found, samples, core.problem.delta, sums);
    return Refit{core.problem.plain(*found), sums.objective};
  }

  std::vector<Core> stages_;
};

struct Run {
  int cluster;
  std::vector<int> points;
  int stages;  // bit 0: scratch, bit 1: continued
};

std::vector<Run> runs_of(const Points& points) {
  std::map<std::pair<int, int>, Run> runs;  // in the order of cluster ids, then of single points
  for (std::size_t i = 0; i < points.size(); ++i) {
    const int at = static_cast<int>(i);
    const int cluster = points[i].cluster;
    const auto key = cluster >= 0 ? std::pair(0, cluster) : std::pair(1, at);
    Run& run = runs.try_emplace(key, Run{std::max(cluster, -1), {}, 0}).first->second;
    run.points.push_back(at);
    run.stages |= points[i].stage == Stage::kContinued ? 2 : 1;
  }
  std::vector<Run> out;
  for (auto& [key, run] : runs) out.push_back(std::move(run));
  return out;
}

std::vector<Stage> stages_of(const Law& law) {
  if (&law == &joint_law()) return {Stage::kScratch, Stage::kContinued};
  return {Stage::kScratch};
}

std::optional<double> log_optimum(const Law& law, const Theta& theta, Stage stage, double flops) {
  const std::optional<PowerForm> form = power_form(law, theta, stage);
  const std::optional<Optimum> best = form ? optimum(*form, flops) : std::nullopt;
  if (!best) return std::nullopt;
  return std::log(best->params);
}

LeftOut change(const Run& run, const FitResult& fit, const Theta& theta, double objective,
               double flops) {
  LeftOut out;
  out.cluster = run.cluster;
  out.first_point = run.points.front();
  out.points = static_cast<int>(run.points.size());
  out.theta = theta - fit.theta;
  out.objective = objective - fit.objective;
  for (const Stage stage : stages_of(*fit.law)) {
    const auto before = log_optimum(*fit.law, fit.theta, stage, flops);
    const auto after = log_optimum(*fit.law, theta, stage, flops);
    out.log_params.push_back(before ? std::optional(after ? *after - *before : kNoOptimum)
                                    : std::nullopt);
  }
  return out;
}

// sqrt of the sum over strata of (G - 1)/G sum (t_g - mean t)^2; `values` and `strata` side by
// side.
double jackknife_error(const std::vector<double>& values, const std::vector<int>& strata) {
  std::map<int, std::vector<double>> groups;
  for (std::size_t g = 0; g < values.size(); ++g) groups[strata[g]].push_back(values[g]);
  double variance = 0;
  for (const auto& [stages, group] : groups) {
    const auto count = static_cast<double>(group.size());
    double mean = 0, squares = 0;
    for (const double value : group) mean += value / count;
    for (const double value : group) squares += (value - mean) * (value - mean);
    variance += (count - 1) / count * squares;
  }
  return std::sqrt(variance);
}

void add_jackknife(const std::vector<int>& strata, Influence& out) {
  const Eigen::Index size = out.runs.front().theta.size();
  out.theta_se.resize(size);
  for (Eigen::Index i = 0; i < size; ++i) {
    std::vector<double> values;
    for (const LeftOut& run : out.runs) values.push_back(run.theta[i]);
    out.theta_se[i] = jackknife_error(values, strata);
  }
  for (std::size_t s = 0; s < out.strategies.size(); ++s) {
    std::vector<double> values;
    for (const LeftOut& run : out.runs) {
      if (run.log_params[s].value_or(kNoOptimum) != kNoOptimum) {
        values.push_back(*run.log_params[s]);
      }
    }
    const bool all = values.size() == out.runs.size();
    out.log_params_se.push_back(all ? std::optional(jackknife_error(values, strata))
                                    : std::nullopt);
  }
}

// The largest change of log N*, or of an exponent in standard errors.
double weight_of(const LeftOut& run, const Influence& all, const Law& law) {
  double out = 0;
  for (const std::optional<double>& each : run.log_params) {
    if (all.by_params && each) out = std::max(out, std::abs(*each));
  }
  if (all.by_params) return out;
  for (int i = 0; i < law.size(); ++i) {
    if (law.coefficients[static_cast<std::size_t>(i)].kind != Kind::kExponent) continue;
    if (all.theta_se[i] > 0) out = std::max(out, std::abs(run.theta[i]) / all.theta_se[i]);
  }
  return out;
}

void require_made_from(const Points& points, const FitResult& fit, double flops) {
  if (static_cast<int>(points.size()) != fit.points) {
    throw std::invalid_argument(
        fmt::format("a fit of {} points was not made from {} points", fit.points, points.size()));
  }
  if (!(flops > 0) || !std::isfinite(flops)) {
    throw std::invalid_argument(
        fmt::format("the budget C = {} must be a finite number above 0", flops));
  }
}

}  // namespace

Influence influence(const Points& points, const FitResult& fit, double flops, int threads) {
  require_made_from(points, fit, flops);
  const Refitter refitter(points, fit);
  const std::vector<Run> runs = runs_of(points);
  std::vector<std::optional<LeftOut>> changes(runs.size());
  parallel_for(static_cast<int>(runs.size()), threads, [&](int g) {
    const auto at = static_cast<std::size_t>(g);
    Resample world;
    world.count.assign(points.size(), 1.0);
    for (const int i : runs[at].points) world.count[static_cast<std::size_t>(i)] = 0;
    if (const auto found = refitter(world)) {
      changes[at] = change(runs[at], fit, found->first, found->second, flops);
    }
  });
  Influence out;
  out.flops = flops;
  out.strategies = {""};
  if (fit.law == &joint_law()) out.strategies = {"scratch", "continued"};
  std::vector<int> strata;
  for (std::size_t g = 0; g < runs.size(); ++g) {
    if (!changes[g]) continue;
    out.runs.push_back(*changes[g]);
    strata.push_back(runs[g].stages);
  }
  out.failed = static_cast<int>(runs.size() - out.runs.size());
  if (out.runs.empty()) return out;
  add_jackknife(strata, out);
  out.by_params = std::any_of(out.runs.begin(), out.runs.end(), [](const LeftOut& run) {
    return std::any_of(run.log_params.begin(), run.log_params.end(),
                       [](const auto& each) { return each.has_value(); });
  });
  std::stable_sort(out.runs.begin(), out.runs.end(), [&](const LeftOut& a, const LeftOut& b) {
    return weight_of(a, out, *fit.law) > weight_of(b, out, *fit.law);
  });
  return out;
}

}  // namespace crosslaw::fit
