#include "fit/solve/search.h"

#include <ceres/ceres.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "fit/solve/parallel.h"
#include "fit/solve/starts.h"

namespace crosslaw::fit {
namespace {

constexpr int kRoughIterations = 16;
constexpr int kRoughSamples = 40;  // enough to come near; the polish sees all
constexpr std::size_t kFinalists = 4;
constexpr double kSameBasin = 1e-8;  // relative difference of objectives
constexpr double kAlmost = 1.05;     // as low as the best, for a start that is still on its way
constexpr double kPatience = 4e6;    // terms of the objective that one finalist may evaluate

// Residual i is sign(r_i) sqrt(2 w_i Huber(r_i)) / scale, so that the cost, half the sum of
// squares, is F / scale^2 with no further factor. Its slope by r_i is continuous at the kink.
class RootHuber : public ceres::CostFunction {
 public:
  RootHuber(const Problem& problem, const Theta& start)
      : problem_(problem), theta_(start), scale_(std::min(problem.delta, 1e-2)) {
    for (int i = 0; i < start.size(); ++i) {
      if (problem.box.free[static_cast<std::size_t>(i)]) free_.push_back(i);
    }
    set_num_residuals(static_cast<int>(problem.samples.size()));
    mutable_parameter_block_sizes()->push_back(static_cast<int>(free_.size()));
  }

  const std::vector<int>& free() const { return free_; }

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    Theta theta = theta_;
    for (std::size_t k = 0; k < free_.size(); ++k) theta[free_[k]] = parameters[0][k];
    Theta slope(theta.size());
    double* out = jacobians != nullptr ? jacobians[0] : nullptr;
    const double delta = problem_.delta;
    for (std::size_t i = 0; i < problem_.samples.size(); ++i) {
      const Sample& sample = problem_.samples[i];
      const double r = problem_.law->log_loss(theta.data(), sample, slope.data()) - sample.log_loss;
      if (!std::isfinite(r + slope.sum())) return false;
      const double size = std::abs(r);
      const double root = size <= delta ? size : std::sqrt(delta * (2 * size - delta));
      const double factor = std::sqrt(sample.weight) / scale_;
      residuals[i] = std::copysign(factor * root, r);
      if (out == nullptr) continue;
      const double chain = factor * (size <= delta ? 1 : delta / root);
      for (const int k : free_) *out++ = chain * slope[k];
    }
    return true;
  }

 private:
  const Problem& problem_;
  Theta theta_;
  double scale_;
  std::vector<int> free_;
};

// An even choice that keeps step with no order of the samples: multiples of the golden ratio.
Problem thinned(const Problem& problem, int most) {
  Problem out = problem;
  const std::size_t count = problem.samples.size();
  if (count <= static_cast<std::size_t>(most)) return out;
  out.samples.clear();
  for (int i = 0; i < most; ++i) {
    const double at = std::fmod((i + 0.5) * (std::numbers::phi - 1), 1.0);
    out.samples.push_back(
        problem.samples[static_cast<std::size_t>(at * static_cast<double>(count))]);
  }
  return out;
}

double total_weight(const Problem& problem) {
  double out = 0;
  for (const Sample& sample : problem.samples) out += sample.weight;
  return out;
}

bool same(double a, double b) { return std::abs(a - b) <= kSameBasin * std::max(a, b) + 1e-24; }

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

// What may turn out to be the best: the lowest start, starts that are almost as low but have not
// arrived, and of a subsample the basins that may lead on all samples. `reached` is sorted.
std::vector<Theta> finalists(const std::vector<NewtonSummary>& reached,
                             const std::vector<Basin>& basins, const Problem& few,
                             const Problem& all) {
  std::vector<Theta> out{reached.front().theta};
  if (few.samples.size() < all.samples.size()) {
    for (const Basin& basin : basins) {
      const bool close = basin.objective <= 1.1 * basins.front().objective;
      if (close && out.size() < kFinalists) out.push_back(basin.theta);
    }
    return out;
  }
  for (std::size_t i = 1; i < reached.size() && out.size() < kFinalists; ++i) {
    const bool close = reached[i].objective <= kAlmost * reached.front().objective;
    if (close && !reached[i].converged) out.push_back(reached[i].theta);
  }
  return out;
}

// The lowest of the finalists, each followed to its end on all samples. Where coefficients are
// tied to each other that takes thousands of steps, which few samples make cheap.
NewtonSummary polished(const Problem& problem, const std::vector<Theta>& finalists,
                       const SearchOptions& options) {
  NewtonOptions patient;
  const double affordable = kPatience / static_cast<double>(problem.samples.size());
  patient.max_evaluations = static_cast<int>(std::clamp(affordable, 2000.0, 20000.0));
  std::vector<NewtonSummary> ends(finalists.size());
  parallel_for(static_cast<int>(ends.size()), options.threads, [&](int i) {
    const auto at = static_cast<std::size_t>(i);
    ends[at] =
        minimise(*problem.law, problem.samples, problem.delta, problem.box, finalists[at], patient);
  });
  return *std::min_element(ends.begin(), ends.end(),
                           [](const auto& a, const auto& b) { return a.objective < b.objective; });
}

}  // namespace

Theta rough_descent(const Problem& problem, const Theta& start, int iterations) {
  auto* cost = new RootHuber(problem, start);  // owned by the Ceres problem
  std::vector<double> at;
  for (const int i : cost->free()) {
    at.push_back(std::clamp(start[i], problem.box.lower[i], problem.box.upper[i]));
  }
  ceres::Problem descent;
  descent.AddResidualBlock(cost, nullptr, at.data());
  for (std::size_t k = 0; k < at.size(); ++k) {
    const int i = cost->free()[k];
    descent.SetParameterLowerBound(at.data(), static_cast<int>(k), problem.box.lower[i]);
    descent.SetParameterUpperBound(at.data(), static_cast<int>(k), problem.box.upper[i]);
  }
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_NORMAL_CHOLESKY;
  options.max_num_iterations = iterations;
  options.function_tolerance = 1e-6;
  options.num_threads = 1;
  options.logging_type = ceres::SILENT;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &descent, &summary);
  Theta theta = start;
  for (std::size_t k = 0; k < at.size(); ++k) {
    if (std::isfinite(at[k])) theta[cost->free()[k]] = at[k];
  }
  return theta;
}

SearchSummary search(const Problem& problem, const Theta& fixed, const SearchOptions& options) {
  const Problem few = thinned(problem, options.most_samples);
  const Problem fewest = thinned(few, kRoughSamples);
  const std::vector<Theta> starts = make_starts(fewest, fixed, options.starts, options.seed);
  std::vector<NewtonSummary> reached(starts.size());
  parallel_for(options.starts, options.threads, [&](int i) {
    const auto at = static_cast<std::size_t>(i);
    const Theta rough = rough_descent(fewest, starts[at], kRoughIterations);
    NewtonOptions polish;
    polish.max_evaluations = 500;
    reached[at] = minimise(*few.law, few.samples, few.delta, few.box, rough, polish);
  });
  SearchSummary summary;
  summary.starts = options.starts;
  summary.samples_searched = static_cast<int>(few.samples.size());
  for (const NewtonSummary& each : reached) summary.starts_unfinished += each.converged ? 0 : 1;
  summary.basins = group(reached);
  std::stable_sort(reached.begin(), reached.end(),
                   [](const auto& a, const auto& b) { return a.objective < b.objective; });
  summary.best = polished(problem, finalists(reached, summary.basins, few, problem), options);
  // Subsampled objectives in the size of the full one, so that they can be compared.
  const double share = total_weight(few) / total_weight(problem);
  for (Basin& basin : summary.basins) basin.objective /= share;
  for (const NewtonSummary& each : reached) {
    const bool there = same(each.objective, reached.front().objective);
    summary.starts_at_best += each.converged && there ? 1 : 0;
  }
  return summary;
}

}  // namespace crosslaw::fit
