#include "fit/evidence/influence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "fit/allocate/best_split.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/one_step.h"
#include "fit/solve/parallel.h"
#include "fit/solve/stages.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

constexpr double kNoOptimum = std::numeric_limits<double>::infinity();
constexpr std::size_t kRefitsOfMany = 300;  // where not every run is refitted

// The core of a finished fit, without its search.
Core core_of(const FitResult& fit, const Points& points, std::vector<int> index) {
  Core core;
  core.objective = make_objective(*fit.law, points, fit.huber_delta);
  // What a stage inherited stays frozen in its refits, and moves only with the stage it comes from.
  for (std::size_t i = 0; i < fit.coefficients.size(); ++i) {
    core.objective.box.free[i] = !fit.coefficients[i].frozen;
  }
  core.centred = core.objective.centred(fit.theta);
  core.index = std::move(index);
  return core;
}

// Refits a finished fit in other worlds, warm-started at its optimum, or guesses such a refit.
class Refitter {
 public:
  Refitter(const Points& points, const FitResult& fit) : coefficients_(fit.law->size()) {
    for (const FittedPart& each : fitted_parts(fit)) {
      stages_.push_back({each.part, core_of(*each.fit, points_of(each.part, points),
                                            indices_of(each.part, points))});
    }
    sample_.assign(points.size(), {0, 0});
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const Core& core = stages_[s].core;
      steps_.emplace_back(core.objective, core.centred);
      for (std::size_t k = 0; k < core.index.size(); ++k) {
        sample_[static_cast<std::size_t>(core.index[k])] = {s, k};
      }
    }
  }

  using Refit = std::pair<Theta, double>;  // the plain theta of the fit's law and the objective

  // What leaving out these points leads to by one Newton step in each stage.
  std::optional<Refit> one_step(const std::vector<int>& left_out, double objective) const {
    Refit out{Theta::Zero(coefficients_), objective};
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const Core& core = stages_[s].core;
      const Theta moved = stages_[s].start(out.first);
      const auto found = steps_[s].without(samples_of(s, left_out), moved - core.centred);
      if (!found) return std::nullopt;
      stages_[s].put_free(core.objective.plain(core.centred + found->theta), out.first);
      out.second += found->objective;
    }
    return out;
  }

  std::optional<Refit> operator()(const Resample& world) const {
    std::vector<std::vector<Sample>> samples(stages_.size());
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const Core& core = stages_[s].core;
      apply(world, core.objective, core.index, core.centred, core.noise, core.runs.of, samples[s]);
      const int needed = core.objective.box.free_count(core.objective.law->size());
      if (static_cast<int>(samples[s].size()) < needed) return std::nullopt;
    }
    const std::optional<StageDraws> found = refit_stages(stages_, world, coefficients_);
    if (!found) return std::nullopt;
    Refit out{found->whole, 0};
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      Sums sums;
      const Objective& objective = stages_[s].core.objective;
      objective.law->accumulate(found->centred[s], samples[s], objective.delta, sums);
      out.second += sums.objective;
    }
    return out;
  }

 private:
  std::vector<Sample> samples_of(std::size_t stage, const std::vector<int>& points) const {
    std::vector<Sample> out;
    for (const int i : points) {
      const auto [s, k] = sample_[static_cast<std::size_t>(i)];
      if (s == stage) out.push_back(stages_[s].core.objective.samples[k]);
    }
    return out;
  }

  int coefficients_;
  std::vector<StageCore> stages_;
  std::vector<OneStep> steps_;                               // one a stage
  std::vector<std::pair<std::size_t, std::size_t>> sample_;  // of each point: stage, row there
};

struct Run {
  int cluster;
  std::vector<int> points;
  int stages;  // bit s: it has points of stage s
};

std::vector<Run> runs_of(const Points& points) {
  std::map<std::pair<int, int>, Run> runs;  // in the order of cluster ids, then of single points
  // Ordered by cluster and not by hash: rows that move N* alike keep one order on every machine.
  for (std::size_t i = 0; i < points.size(); ++i) {
    const int at = static_cast<int>(i);
    const int cluster = points[i].cluster;
    const auto key = cluster >= 0 ? std::pair(0, cluster) : std::pair(1, at);
    Run& run = runs.try_emplace(key, Run{std::max(cluster, -1), {}, 0}).first->second;
    run.points.push_back(at);
    run.stages |= 1 << static_cast<int>(points[i].stage);
  }
  std::vector<Run> out;
  for (auto& [key, run] : runs) out.push_back(std::move(run));
  return out;
}

std::optional<double> log_optimum(const LawPart& part, const Theta& whole, const Budget& budget) {
  const std::optional<Split> best = best_split(*part.law, part_theta(part, whole), budget);
  return best ? std::optional(std::log(best->params)) : std::nullopt;
}

LeftOut change(const Run& run, const FitResult& fit, const Theta& theta, double objective,
               double flops) {
  LeftOut out;
  out.cluster = run.cluster;
  out.first_point = run.points.front();
  out.points = static_cast<int>(run.points.size());
  out.theta = theta - fit.theta;
  out.objective = objective - fit.objective;
  const Budget budget{flops, fit.compute_model(), {}};
  for (const LawPart& part : parts_of(*fit.law)) {
    const auto before = log_optimum(part, fit.theta, budget);
    const auto after = log_optimum(part, theta, budget);
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
  // Strata add up, for a scratch run tells nothing of what a continued one would have been.
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
    // A run without which there is no N* has an influence that no standard error can hold.
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
  // No N* at all: exponents, in standard errors so that alpha and gamma can be compared.
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

// Leaves out every run, by refits of all of them or by one Newton step.
class Leaver {
 public:
  Leaver(const Points& points, const FitResult& fit, double flops, int threads, double most_terms)
      : points_(points),
        most_terms_(most_terms),
        fit_(fit),
        flops_(flops),
        threads_(threads),
        refitter_(points, fit),
        runs_(runs_of(points)) {}

  Influence leave_out() {
    std::vector<int> every(runs_.size());
    std::iota(every.begin(), every.end(), 0);
    changes_.resize(runs_.size());
    const double terms = static_cast<double>(runs_.size()) * static_cast<double>(points_.size());
    const bool affordable = terms <= most_terms_ || runs_.size() <= kRefitsOfMany;
    if (affordable || !step_all()) {
      refit(every);
      return gather(every);
    }
    const std::vector<int> order = by_weight(every);
    const std::vector<int> first(order.begin(), order.begin() + kRefitsOfMany);
    const std::vector<std::optional<LeftOut>> stepped = changes_;
    refit(first);
    Influence out = gather(every);
    out.step_error = step_error(first, stepped, out);
    return out;
  }

 private:
  bool step_all() {
    parallel_for(static_cast<int>(runs_.size()), threads_, [&](int g) {
      const Run& run = runs_[static_cast<std::size_t>(g)];
      if (const auto found = refitter_.one_step(run.points, fit_.objective)) {
        take(g, *found, false);
      }
    });
    return std::all_of(changes_.begin(), changes_.end(),
                       [](const auto& each) { return each.has_value(); });
  }

  void refit(const std::vector<int>& which) {
    parallel_for(static_cast<int>(which.size()), threads_, [&](int k) {
      const int g = which[static_cast<std::size_t>(k)];
      changes_[static_cast<std::size_t>(g)].reset();
      Resample world;
      world.count.assign(points_.size(), 1.0);
      for (const int i : runs_[static_cast<std::size_t>(g)].points) {
        world.count[static_cast<std::size_t>(i)] = 0;
      }
      if (const auto found = refitter_(world)) take(g, *found, true);
    });
  }

  void take(int g, const std::pair<Theta, double>& found, bool refitted) {
    const auto at = static_cast<std::size_t>(g);
    changes_[at] = change(runs_[at], fit_, found.first, found.second, flops_);
    changes_[at]->refitted = refitted;
  }

  // `every` run that has a change, that of the largest weight first.
  std::vector<int> by_weight(std::vector<int> every) const {
    const Influence all = summarise(every);
    std::vector<double> weight(runs_.size(), -1);
    for (std::size_t g = 0; g < runs_.size(); ++g) {
      if (changes_[g]) weight[g] = weight_of(*changes_[g], all, *fit_.law);
    }
    std::stable_sort(every.begin(), every.end(), [&](int a, int b) {
      return weight[static_cast<std::size_t>(a)] > weight[static_cast<std::size_t>(b)];
    });
    return every;
  }

  Influence summarise(const std::vector<int>& order) const {
    Influence out;
    out.flops = flops_;
    for (const LawPart& part : parts_of(*fit_.law)) out.strategies.emplace_back(part.strategy);
    std::vector<int> strata;
    for (const int g : order) {
      const auto at = static_cast<std::size_t>(g);
      if (!changes_[at]) continue;
      out.runs.push_back(*changes_[at]);
      out.refitted += changes_[at]->refitted ? 1 : 0;
      strata.push_back(runs_[at].stages);
    }
    out.failed = static_cast<int>(order.size() - out.runs.size());
    if (out.runs.empty()) return out;
    add_jackknife(strata, out);
    out.by_params = std::any_of(out.runs.begin(), out.runs.end(), [](const LeftOut& run) {
      return std::any_of(run.log_params.begin(), run.log_params.end(),
                         [](const auto& each) { return each.has_value(); });
    });
    return out;
  }

  Influence gather(const std::vector<int>& every) const {
    Influence out = summarise(every);
    std::stable_sort(out.runs.begin(), out.runs.end(), [&](const LeftOut& a, const LeftOut& b) {
      return weight_of(a, out, *fit_.law) > weight_of(b, out, *fit_.law);
    });
    return out;
  }

  // Root mean square of (step - refit) over that of the refit, coordinates in standard errors.
  std::optional<double> step_error(const std::vector<int>& which,
                                   const std::vector<std::optional<LeftOut>>& stepped,
                                   const Influence& all) const {
    double off = 0, size = 0;
    for (const int g : which) {
      const auto at = static_cast<std::size_t>(g);
      if (!changes_[at] || !stepped[at]) continue;
      for (Eigen::Index i = 0; i < all.theta_se.size(); ++i) {
        if (!(all.theta_se[i] > 0)) continue;
        const double refit = changes_[at]->theta[i] / all.theta_se[i];
        const double difference = stepped[at]->theta[i] / all.theta_se[i] - refit;
        off += difference * difference;
        size += refit * refit;
      }
    }
    return size > 0 ? std::optional(std::sqrt(off / size)) : std::nullopt;
  }

  const Points& points_;
  double most_terms_;
  const FitResult& fit_;
  double flops_;
  int threads_;
  Refitter refitter_;
  std::vector<Run> runs_;
  std::vector<std::optional<LeftOut>> changes_;  // one a run
};

}  // namespace

Influence influence(const Points& points, const FitResult& fit, double flops, int threads,
                    double most_terms) {
  require_made_from(points, fit, flops);
  return Leaver(points, fit, flops, threads, most_terms).leave_out();
}

}  // namespace crosslaw::fit
