#include "fit/solve/newton.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace crosslaw::fit {
namespace {

constexpr double kExactSquare = 1e-26;  // mean squared residual that is rounding alone
constexpr double kRounding = 1e-13;     // relative change of F below which only the gradient speaks
constexpr double kResidualRounding = 1e-15;  // of log L, which tiny residuals feel

using Indices = Eigen::Matrix<int, Eigen::Dynamic, 1, 0, kMaxCoefficients, 1>;

// Frozen coordinates are left alone: they may lie outside the box.
Theta clamp(const SearchBox& box, const Theta& theta) {
  Theta out = theta;
  for (int i = 0; i < theta.size(); ++i) {
    if (box.free[static_cast<std::size_t>(i)]) {
      out[i] = std::clamp(theta[i], box.lower[i], box.upper[i]);
    }
  }
  return out;
}

// Where the walk stands: the sums at theta and the coordinates that may still move downhill.
struct Place {
  Theta theta;
  Sums sums;
  Indices movable;
  double norm = 0;  // largest |gradient| over movable

  void settle(const SearchBox& box) {
    movable.resize(theta.size());
    int count = 0;
    norm = 0;
    for (int i = 0; i < theta.size(); ++i) {
      if (!box.free[static_cast<std::size_t>(i)]) continue;
      const double slope = sums.gradient[i];
      const bool pressed =
          (theta[i] <= box.lower[i] && slope > 0) || (theta[i] >= box.upper[i] && slope < 0);
      if (pressed) continue;
      movable[count++] = i;
      norm = std::max(norm, std::abs(slope));
    }
    movable.conservativeResize(count);
  }
};

// What the next step believes. The matrix of its model is (1 - blend) newton + blend majorizer:
// the more kinks lie on the way, the larger blend. The step is no longer than radius, measured as
// the weighted rms change of log L that it causes to first order, coordinate by coordinate.
struct Trust {
  double blend;
  double radius;

  void shrink(double length) {
    blend = std::min(1.0, std::max(4 * blend, 0.02));
    radius = 0.25 * std::min(radius, length);
  }
  void grow(double length) {
    blend = blend > 1e-3 ? 0.1 * blend : 0;
    radius = std::max(radius, 3 * length);
  }
};

struct Step {
  Theta by;
  double length = 0;
  double predicted = 0;  // fall of F according to the model
};

// The minimiser of p^T matrix p / 2 - right^T p over |p| <= radius (reached to within a fifth), by
// bisection on the multiplier: Cholesky tells on which side of positive definite it lies.
Theta within_radius(const Square& matrix, const Theta& right, double radius) {
  const Square identity = Square::Identity(matrix.rows(), matrix.cols());
  double low = 0;
  double high = matrix.norm() + right.norm() / radius;
  Theta best = right * (radius / std::max(right.norm(), 1e-300));
  double multiplier = 0;
  for (int i = 0; i < 80; ++i) {
    const Eigen::LLT<Square> factor(matrix + multiplier * identity);
    Theta solution;
    if (factor.info() == Eigen::Success) solution = factor.solve(right);
    const double length = solution.size() > 0 ? solution.norm() : std::nan("");
    if (length <= radius) {
      best = solution;
      if (multiplier == 0 || length >= 0.8 * radius) break;
      high = multiplier;
    } else {
      low = multiplier;
    }
    multiplier = low > 1e-8 * high ? std::sqrt(low * high) : (i == 0 ? 1e-4 : 1e-2) * high;
    if (high - low <= 1e-12 * high) break;
  }
  return best;
}

Step solve_step(const Place& at, const Trust& trust, double weight) {
  const Eigen::Index size = at.movable.size();
  const Square model = (1 - trust.blend) * at.sums.newton + trust.blend * at.sums.majorizer;
  const double widest = at.sums.scale.maxCoeff();
  Theta unit(size);  // step in this coordinate that changes log L by 1 (rms)
  Square matrix(size, size);
  Theta right(size);
  for (Eigen::Index c = 0; c < size; ++c) {
    unit[c] = std::sqrt(weight / std::max(at.sums.scale[at.movable[c]], 1e-14 * widest));
  }
  for (Eigen::Index c = 0; c < size; ++c) {
    right[c] = -at.sums.gradient[at.movable[c]] * unit[c];
    for (Eigen::Index r = 0; r < size; ++r) {
      matrix(r, c) = model(at.movable[r], at.movable[c]) * unit[r] * unit[c];
    }
  }
  const Theta scaled = within_radius(matrix, right, trust.radius);
  Step step;
  step.length = scaled.norm();
  step.by = Theta::Zero(at.theta.size());
  for (Eigen::Index c = 0; c < size; ++c) step.by[at.movable[c]] = scaled[c] * unit[c];
  step.predicted = right.dot(scaled) - 0.5 * scaled.dot(matrix * scaled);
  return step;
}

}  // namespace

NewtonSummary newton(const Law& law, std::span<const Sample> samples, double delta,
                     const SearchBox& box, const Theta& start, const NewtonOptions& options) {
  Place at;
  Place next;
  at.theta = clamp(box, start);
  law.accumulate(at.theta, samples, delta, at.sums);
  at.settle(box);
  int evaluations = 1;
  double weight = 0;
  for (const Sample& sample : samples) weight += sample.weight;
  bool gain_exhausted = false;
  Trust trust{options.first_blend, options.first_radius};
  const double exact = kExactSquare * weight;
  while (at.norm > options.tolerance * at.sums.pull && at.sums.objective > exact &&
         evaluations < options.max_evaluations && trust.radius > 1e-14) {
    const Step step = solve_step(at, trust, weight);
    // At least one step was taken; a promise of the whole Newton step is worth believing.
    if (evaluations > 1 && trust.blend == 0 && step.length < trust.radius &&
        step.predicted <= options.least_gain * at.sums.objective) {
      gain_exhausted = true;
      break;
    }
    next.theta = clamp(box, at.theta + step.by);
    law.accumulate(next.theta, samples, delta, next.sums);
    ++evaluations;
    next.settle(box);
    const double actual = at.sums.objective - next.sums.objective;
    const double noise = std::max(kRounding * at.sums.objective, kResidualRounding * at.sums.pull);
    const bool rounding = std::abs(step.predicted) <= noise && actual >= -noise;
    const bool better =
        rounding ? next.norm < at.norm : actual > 1e-4 * step.predicted && actual > 0;
    if (rounding && !better && trust.blend == 0) break;
    if (rounding || actual > 0.75 * step.predicted) {
      trust.grow(step.length);
    } else if (!better || actual < 0.25 * step.predicted) {
      trust.shrink(step.length);
    }
    if (better) std::swap(at, next);
  }
  NewtonSummary summary;
  summary.theta = at.theta;
  summary.objective = at.sums.objective;
  summary.gradient_norm = at.norm;
  summary.pull = at.sums.pull;
  summary.evaluations = evaluations;
  summary.converged =
      gain_exhausted || at.norm <= 1e-7 * at.sums.pull || at.sums.objective <= exact;
  return summary;
}

NewtonSummary minimise(const Law& law, std::span<const Sample> samples, double delta,
                       const SearchBox& box, const Theta& start, const NewtonOptions& options) {
  constexpr int kPatience = 60;
  constexpr std::size_t kFloor = 0;
  NewtonOptions first = options;
  first.max_evaluations = std::min(kPatience, options.max_evaluations);
  NewtonSummary summary = newton(law, samples, delta, box, start, first);
  int spent = summary.evaluations;
  if (summary.converged || options.max_evaluations <= kPatience) return summary;
  if (law.coefficients[kFloor].kind == Kind::kFloor && box.free[kFloor]) {
    SearchBox without_floor = box;
    without_floor.free[kFloor] = false;
    Theta at = summary.theta;
    at[kFloor] = box.lower[kFloor];
    NewtonSummary face = newton(law, samples, delta, without_floor, at, first);
    spent += face.evaluations;
    Sums sums;
    law.accumulate(face.theta, samples, delta, sums);
    if (face.converged && sums.gradient[kFloor] >= 0 && face.objective <= summary.objective) {
      face.evaluations = spent;
      return face;
    }
  }
  first.max_evaluations = std::max(kPatience, options.max_evaluations - spent);
  summary = newton(law, samples, delta, box, summary.theta, first);
  summary.evaluations += spent;
  return summary;
}

}  // namespace crosslaw::fit
