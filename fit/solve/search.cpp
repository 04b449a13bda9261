#include "fit/solve/search.h"

#include <ceres/ceres.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "fit/solve/parallel.h"
#include "fit/solve/starts.h"

namespace crosslaw::fit {
namespace {

// Ceres on one start. On published data 30 to 110 iterations arrive; long valleys, where
// coefficients are tied to each other, take more and are left to Newton.
constexpr int kMostIterations = 200;
// Relative fall of F in a step on a few of the samples: the last gains on them mean nothing for
// all.
constexpr double kRoughTolerance = 1e-6;
constexpr double kParameterTolerance = 1e-14;  // leaves the decision to the objective
// Residuals are counted in deltas, so that tolerances mean the same for every delta; least squares
// (delta infinite) in hundredths.
constexpr double kLargestUnit = 1e-2;

constexpr double kLogVanishing = -20;    // log of E over the smallest loss
constexpr int kPolishEvaluations = 500;  // of Newton's method after Ceres; five are usual
constexpr double kSameBasin = 1e-8;      // relative difference of objectives
constexpr double kNothing = 1e-24;       // objectives below are rounding
// Where the lowest start is still on its way it is followed this far: terms of the objective, and
// the least and most evaluations that they may buy.
constexpr double kPatienceTerms = 4e6;
constexpr double kLeastPatience = 2000;
constexpr double kMostPatience = 20000;

// Residual i is sign(r_i) sqrt(2 w_i Huber(r_i)) / unit, so that the cost, half the sum of
// squares, is F / unit^2 with no further factor. Its slope by r_i is continuous at the kink. One
// block holds all samples: a block a sample costs Ceres more than the law itself.
class RootHuber : public ceres::CostFunction {
 public:
  RootHuber(const Objective& objective, const Theta& start)
      : objective_(objective),
        theta_(start),
        unit_(std::min(objective.delta, kLargestUnit)),
        over_(std::sqrt(objective.law->over_weight)) {
    for (const Sample& each : objective.samples) factors_.push_back(std::sqrt(each.weight) / unit_);
    for (int i = 0; i < start.size(); ++i) {
      if (objective.box.free[static_cast<std::size_t>(i)]) free_.push_back(i);
    }
    set_num_residuals(static_cast<int>(objective.samples.size()));
    mutable_parameter_block_sizes()->push_back(static_cast<int>(free_.size()));
  }

  const std::vector<int>& free() const { return free_; }

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    Theta theta = theta_;
    for (std::size_t k = 0; k < free_.size(); ++k) theta[free_[k]] = parameters[0][k];
    Theta slope(theta.size());
    double* out = jacobians != nullptr ? jacobians[0] : nullptr;  // (samples, free), row by row
    const double delta = objective_.delta;
    double check = 0;  // of everything: not finite where anything is not
    for (std::size_t i = 0; i < objective_.samples.size(); ++i) {
      const Sample& sample = objective_.samples[i];
      const double predicted =
          objective_.law->log_loss(theta.data(), sample, out != nullptr ? slope.data() : nullptr);
      const double r = predicted - sample.log_loss;
      const double size = std::abs(r);
      const double root = size <= delta ? size : std::sqrt(delta * (2 * size - delta));
      const double factor = factors_[i] * (r > 0 ? over_ : 1);
      residuals[i] = std::copysign(factor * root, r);
      check += residuals[i];
      if (out == nullptr) continue;
      const double chain = factor * (size <= delta ? 1 : delta / root);
      for (const int k : free_) {
        *out = chain * slope[k];
        check += *out++;
      }
    }
    // Where the law or its slope overflows, the step is refused and made shorter.
    return std::isfinite(check);
  }

 private:
  const Objective& objective_;
  Theta theta_;
  double unit_;
  double over_;                  // root of the weight of points that the law overestimates
  std::vector<double> factors_;  // root of each sample's weight, over unit_
  std::vector<int> free_;
};

// Ends a way down on which E vanishes: it would halve E step after step. Newton's method has a walk
// of its own along E = 0 (minimise).
class StopNearNoFloor : public ceres::IterationCallback {
 public:
  StopNearNoFloor(const double& log_floor, double least) : log_floor_(log_floor), least_(least) {}

  ceres::CallbackReturnType operator()(const ceres::IterationSummary& /*unused*/) override {
    return log_floor_ < least_ ? ceres::SOLVER_TERMINATE_SUCCESSFULLY : ceres::SOLVER_CONTINUE;
  }

 private:
  const double& log_floor_;
  double least_;
};

ceres::Solver::Options ceres_options() {
  ceres::Solver::Options options;
  // Powell's dogleg needs a third fewer iterations than Levenberg-Marquardt where coefficients are
  // tied to each other, and QR does not square their condition number.
  options.trust_region_strategy_type = ceres::DOGLEG;
  options.linear_solver_type = ceres::DENSE_QR;
  options.max_num_iterations = kMostIterations;
  options.parameter_tolerance = kParameterTolerance;
  options.num_threads = 1;  // starts run side by side
  options.logging_type = ceres::SILENT;
  return options;
}

// Whether the law and its slope are finite at these coordinates: Ceres cannot start elsewhere.
bool can_start(const RootHuber& cost, const std::vector<double>& values) {
  std::vector<double> residuals(static_cast<std::size_t>(cost.num_residuals()));
  std::vector<double> slopes(residuals.size() * values.size());
  const double* at = values.data();
  double* rows = slopes.data();
  return cost.Evaluate(&at, residuals.data(), &rows);
}

bool same(double a, double b) { return std::abs(a - b) <= kSameBasin * std::max(a, b) + kNothing; }

// Groups what the starts reached by objective, the best first.
std::vector<Basin> group(const std::vector<NewtonSummary>& reached) {
  std::vector<Basin> basins;
  for (const NewtonSummary& each : reached) {
    if (!each.converged) continue;
    const auto found = std::find_if(basins.begin(), basins.end(), [&](const Basin& basin) {
      return same(basin.objective, each.objective);
    });
    if (found == basins.end()) {
      basins.push_back({each.theta, each.objective, 1});
    } else {
      ++found->starts;
    }
  }
  std::stable_sort(basins.begin(), basins.end(),
                   [](const Basin& a, const Basin& b) { return a.objective < b.objective; });
  return basins;
}

NewtonSummary polish(const Objective& objective, const Theta& from, int most_evaluations) {
  NewtonOptions options;
  options.max_evaluations = most_evaluations;
  return minimise(*objective.law, objective.samples, objective.delta, objective.box, from, options);
}

// With more samples than this the descent sees an even share of them; its ends are then finished on
// all.
constexpr std::size_t kManySamplesSearched = 4000;
constexpr std::size_t kSamplesOfPart = 2000;
// From twice as many samples on Ceres goes down on so many, and Newton's method on all: most of the
// way is long valleys that a few samples show as well (timings: MANUAL.md, How fast?).
constexpr std::size_t kSamplesOfFirstWay = 200;
constexpr double kSamePoint = 1e-6;  // of every coordinate, of starts that met

// An even share of the samples in the order of compute, so that no corner of the design is missing.
Objective part_of(const Objective& objective, std::size_t count) {
  Objective part = objective;
  std::stable_sort(part.samples.begin(), part.samples.end(), [](const auto& a, const auto& b) {
    return a.log_params + a.log_tokens < b.log_params + b.log_tokens;
  });
  const std::size_t all = part.samples.size();
  for (std::size_t k = 0; k < count; ++k) {
    part.samples[k] = part.samples[(2 * k + 1) * all / (2 * count)];
  }
  part.samples.resize(count);
  return part;
}

// From where the part has led to the optimum of all samples; starts that met go on as one.
void finish_on_all(const Objective& objective, int threads, std::vector<NewtonSummary>& reached) {
  std::vector<std::size_t> first;  // start that ended at the same point
  for (std::size_t i = 0; i < reached.size(); ++i) {
    std::size_t k = 0;
    while (k < i && (reached[k].theta - reached[i].theta).cwiseAbs().maxCoeff() > kSamePoint) {
      ++k;
    }
    first.push_back(k);
  }
  parallel_for(static_cast<int>(reached.size()), threads, [&](int i) {
    const auto start = static_cast<std::size_t>(i);
    if (first[start] != start) return;
    reached[start] = polish(objective, reached[start].theta, kPolishEvaluations);
  });
  for (std::size_t i = 0; i < reached.size(); ++i) reached[i] = reached[first[i]];
}

}  // namespace

Theta descend(const Objective& objective, const Theta& start, double tolerance) {
  auto owned = std::make_unique<RootHuber>(objective, start);
  std::vector<double> values;  // of the free coordinates
  for (const int i : owned->free()) {
    values.push_back(std::clamp(start[i], objective.box.lower[i], objective.box.upper[i]));
  }
  if (!can_start(*owned, values)) return start;
  ceres::Problem descent;
  const RootHuber* cost = owned.get();
  descent.AddResidualBlock(owned.release(), nullptr, values.data());  // the problem owns it now
  for (std::size_t k = 0; k < values.size(); ++k) {
    const int i = cost->free()[k];
    descent.SetParameterLowerBound(values.data(), static_cast<int>(k), objective.box.lower[i]);
    descent.SetParameterUpperBound(values.data(), static_cast<int>(k), objective.box.upper[i]);
  }
  ceres::Solver::Options options = ceres_options();
  options.function_tolerance = tolerance;
  StopNearNoFloor stop(values.front(), objective.min_log_loss + kLogVanishing);
  const bool floor = objective.law->coefficients.front().kind == Kind::kFloor;
  if (floor && objective.box.free.front()) {
    options.update_state_every_iteration = true;
    options.callbacks.push_back(&stop);
  }
  ceres::Solver::Summary summary;
  ceres::Solve(options, &descent, &summary);
  Theta theta = start;
  for (std::size_t k = 0; k < values.size(); ++k) theta[cost->free()[k]] = values[k];
  return theta;
}

SearchSummary search(const Objective& objective, const Theta& fixed, const SearchOptions& options) {
  const bool whole = objective.samples.size() <= kManySamplesSearched;
  const Objective part = whole ? Objective{} : part_of(objective, kSamplesOfPart);
  const Objective& searched = whole ? objective : part;
  const std::vector<Theta> starts =
      make_starts(searched, fixed, options.starts, options.seed, options.threads);
  const bool by_few = searched.samples.size() >= 2 * kSamplesOfFirstWay;
  const Objective few = by_few ? part_of(searched, kSamplesOfFirstWay) : Objective{};
  std::vector<NewtonSummary> reached(starts.size());
  parallel_for(options.starts, options.threads, [&](int i) {
    const auto start = static_cast<std::size_t>(i);
    const Theta at =
        by_few ? descend(few, starts[start], kRoughTolerance) : descend(searched, starts[start]);
    reached[start] = polish(searched, at, kPolishEvaluations);
  });
  if (!whole) finish_on_all(objective, options.threads, reached);
  SearchSummary summary;
  summary.samples = static_cast<int>(searched.samples.size());
  summary.starts = options.starts;
  summary.basins = group(reached);
  summary.best =
      *std::min_element(reached.begin(), reached.end(),
                        [](const auto& a, const auto& b) { return a.objective < b.objective; });
  for (const NewtonSummary& each : reached) {
    summary.starts_unfinished += each.converged ? 0 : 1;
    summary.starts_at_best +=
        each.converged && same(each.objective, summary.best.objective) ? 1 : 0;
  }
  if (!summary.best.converged) {
    const double affordable = kPatienceTerms / static_cast<double>(objective.samples.size());
    summary.best = polish(objective, summary.best.theta,
                          static_cast<int>(std::clamp(affordable, kLeastPatience, kMostPatience)));
  }
  return summary;
}

}  // namespace crosslaw::fit
