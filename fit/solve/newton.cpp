#include "fit/solve/newton.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "fit/data/median.h"
#include "fit/laws/straight_law.h"

namespace crosslaw::fit {
namespace {

constexpr double kExactSquare = 1e-26;  // mean squared residual that is rounding alone
constexpr double kRounding = 1e-13;     // relative change of F below which only the gradient speaks
constexpr double kResidualRounding = 1e-15;  // of log L, which tiny residuals feel
constexpr double kStationary = 1e-7;         // a gradient this small against the pull is none

// What a step has to bring, as shares of what its model promised (Nocedal and Wright 2006,
// Algorithm 4.1): to be taken at all, not to shorten the next one, to lengthen it.
constexpr double kLeastShareOfPromise = 1e-4;
constexpr double kPoorShare = 0.25;
constexpr double kGoodShare = 0.75;
constexpr double kShortestRadius = 1e-14;  // steps below it change no double

// After a poor step the model expects more kinks, after a good one fewer; blends from
// kNoticeableBlend down count as none, so that the last steps are Newton's own.
constexpr double kFirstBlendAfterFailure = 0.02;
constexpr double kBlendGrowth = 4;
constexpr double kBlendDecay = 0.1;
constexpr double kNoticeableBlend = 1e-3;
constexpr double kRadiusShrink = 0.25;
constexpr double kRadiusGrowth = 3;

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
    blend = std::clamp(kBlendGrowth * blend, kFirstBlendAfterFailure, 1.0);
    radius = kRadiusShrink * std::min(radius, length);
  }
  void grow(double length) {
    blend = blend > kNoticeableBlend ? kBlendDecay * blend : 0;
    radius = std::max(radius, kRadiusGrowth * length);
  }
};

struct Step {
  Theta by;
  double length = 0;
  double predicted = 0;  // fall of F according to the model
};

// The minimiser of p^T matrix p / 2 - right^T p over |p| <= radius: (matrix + multiplier I) p =
// right for the least multiplier >= 0 that makes the matrix positive definite and p short enough
// (More and Sorensen 1983). Found by bisection, for Cholesky tells on which side of positive
// definite a multiplier lies.
Theta within_radius(const Square& matrix, const Theta& right, double radius) {
  // A step of 0.8 to 1 times the radius is as good as the radius, which itself is a guess.
  constexpr double kLongEnough = 0.8;
  constexpr int kMostBisections = 80;
  // Multipliers span many orders of magnitude: the search goes down from the bound by large
  // factors until one is too small, and then by geometric means.
  constexpr double kFirstDescent = 1e-4;
  constexpr double kNextDescent = 1e-2;
  constexpr double kNoLowerBound = 1e-8;
  constexpr double kSameMultiplier = 1e-12;
  constexpr double kTiny = 1e-300;  // keeps a vanished gradient from dividing by zero
  const Square identity = Square::Identity(matrix.rows(), matrix.cols());
  double low = 0;
  double high = matrix.norm() + right.norm() / radius;  // surely enough
  Theta best = right * (radius / std::max(right.norm(), kTiny));
  double multiplier = 0;  // Newton's step itself, which is usually the answer
  for (int i = 0; i < kMostBisections; ++i) {
    const Eigen::LLT<Square> factor(matrix + multiplier * identity);
    Theta solution;
    if (factor.info() == Eigen::Success) solution = factor.solve(right);
    const double length = solution.size() > 0 ? solution.norm() : std::nan("");
    if (length <= radius) {
      best = solution;
      if (multiplier == 0 || length >= kLongEnough * radius) break;
      high = multiplier;
    } else {
      low = multiplier;
    }
    multiplier = low > kNoLowerBound * high ? std::sqrt(low * high)
                                            : (i == 0 ? kFirstDescent : kNextDescent) * high;
    if (high - low <= kSameMultiplier * high) break;
  }
  return best;
}

Step solve_step(const Place& here, const Trust& trust, double weight) {
  // A coordinate that hardly changes a prediction still gets a finite unit.
  constexpr double kLeastScale = 1e-14;
  const Eigen::Index size = here.movable.size();
  const Square model = (1 - trust.blend) * here.sums.newton + trust.blend * here.sums.majorizer;
  const double widest = here.sums.scale.maxCoeff();
  Theta unit(size);  // step in this coordinate that changes log L by 1 (rms)
  Square matrix(size, size);
  Theta right(size);
  for (Eigen::Index c = 0; c < size; ++c) {
    unit[c] = std::sqrt(weight / std::max(here.sums.scale[here.movable[c]], kLeastScale * widest));
  }
  for (Eigen::Index c = 0; c < size; ++c) {
    right[c] = -here.sums.gradient[here.movable[c]] * unit[c];
    for (Eigen::Index r = 0; r < size; ++r) {
      matrix(r, c) = model(here.movable[r], here.movable[c]) * unit[r] * unit[c];
    }
  }
  const Theta scaled = within_radius(matrix, right, trust.radius);
  Step step;
  step.length = scaled.norm();
  step.by = Theta::Zero(here.theta.size());
  for (Eigen::Index c = 0; c < size; ++c) step.by[here.movable[c]] = scaled[c] * unit[c];
  step.predicted = right.dot(scaled) - 0.5 * scaled.dot(matrix * scaled);
  return step;
}

}  // namespace

NewtonSummary newton(const Law& law, std::span<const Sample> samples, double delta,
                     const SearchBox& box, const Theta& start, const NewtonOptions& options) {
  Place here;
  Place next;
  here.theta = clamp(box, start);
  law.accumulate(here.theta, samples, delta, here.sums);
  here.settle(box);
  int evaluations = 1;
  double weight = 0;
  for (const Sample& sample : samples) weight += sample.weight;
  bool gain_exhausted = false;
  Trust trust{options.first_blend, options.first_radius};
  const double exact = kExactSquare * weight;
  while (here.norm > options.tolerance * here.sums.pull && here.sums.objective > exact &&
         evaluations < options.max_evaluations && trust.radius > kShortestRadius) {
    const Step step = solve_step(here, trust, weight);
    // At least one step was taken; a promise of the whole Newton step is worth believing.
    if (evaluations > 1 && trust.blend == 0 && step.length < trust.radius &&
        step.predicted <= options.least_gain * here.sums.objective) {
      gain_exhausted = true;
      break;
    }
    next.theta = clamp(box, here.theta + step.by);
    law.accumulate(next.theta, samples, delta, next.sums);
    ++evaluations;
    next.settle(box);
    const double actual = here.sums.objective - next.sums.objective;
    const double noise =
        std::max(kRounding * here.sums.objective, kResidualRounding * here.sums.pull);
    // Where F can no longer tell up from down, a step is good when it makes the gradient smaller.
    const bool rounding = std::abs(step.predicted) <= noise && actual >= -noise;
    const bool better = rounding ? next.norm < here.norm
                                 : actual > kLeastShareOfPromise * step.predicted && actual > 0;
    if (rounding && !better && trust.blend == 0) break;
    if (rounding || actual > kGoodShare * step.predicted) {
      trust.grow(step.length);
    } else if (!better || actual < kPoorShare * step.predicted) {
      trust.shrink(step.length);
    }
    if (better) std::swap(here, next);
  }
  NewtonSummary summary;
  summary.theta = here.theta;
  summary.objective = here.sums.objective;
  summary.gradient_norm = here.norm;
  summary.pull = here.sums.pull;
  summary.evaluations = evaluations;
  summary.converged =
      gain_exhausted || here.norm <= kStationary * here.sums.pull || here.sums.objective <= exact;
  return summary;
}

namespace {

constexpr std::size_t kFloorPlace = 0;  // where a law has a floor it is its first (laws.h)

// Where a way down leads that starts from a wide Huber function, whose kinks lie further out, and
// narrows it to the delta asked for. Near L1 nearly every residual lies beyond its kink, where F
// has no curvature and a long valley is walked from kink to kink; a wide Huber function is a
// parabola for most of them, and each optimum is a good start for the next (Madsen and Nielsen
// 1993, "A finite smoothing algorithm for linear l1 estimation").
Theta narrowing(const Law& law, std::span<const Sample> samples, double delta, const SearchBox& box,
                Theta theta, const NewtonOptions& options, int& spent) {
  constexpr double kShrink = 0.25;     // of delta, from one optimum to the next
  constexpr double kWidest = 1.5;      // of the median residual
  constexpr double kRoughGain = 1e-6;  // relative to F, of an optimum on the way
  std::vector<double> sizes;
  for (const Sample& each : samples) {
    sizes.push_back(std::abs(law.log_loss(theta.data(), each, nullptr) - each.log_loss));
  }
  NewtonOptions rough = options;
  rough.least_gain = kRoughGain;
  for (double each = kWidest * upper_median(std::move(sizes)); each > delta; each *= kShrink) {
    const NewtonSummary reached = newton(law, samples, each, box, theta, rough);
    spent += reached.evaluations;
    theta = reached.theta;
  }
  const NewtonSummary reached = newton(law, samples, delta, box, theta, rough);
  spent += reached.evaluations;
  return reached.theta;
}

constexpr int kPatience = 60;  // evaluations; a walk that takes more crawls

// Near the optimum by straight coordinates, with E free or held at 0; empty where the law has none
// or they do not reach.
std::optional<Theta> along_valley(const Law& law, std::span<const Sample> samples, double delta,
                                  const SearchBox& box, const Theta& start, bool floor,
                                  NewtonOptions options, int& spent) {
  std::optional<SearchBox> wide = straight_box(law, box);
  if (!wide) return std::nullopt;
  const StraightLaw& straight = *straight_of(law);
  Theta theta = clamp(box, start);
  if (!straight.straighten(theta.data())) return std::nullopt;
  const Law& walked = floor ? *straight.law : *straight.without_floor;
  wide->free[StraightLaw::kFollowing] = floor;
  options.max_evaluations = kPatience;
  const NewtonSummary reached = newton(walked, samples, delta, *wide, theta, options);
  spent += reached.evaluations;
  theta = reached.theta;
  if (!reached.converged) {
    theta = narrowing(walked, samples, delta, *wide, theta, options, spent);
  }
  if (!floor) follow(theta);
  straight.bend(theta.data());
  if (!theta.allFinite()) return std::nullopt;
  return theta;
}

// The walk with E held at 0, and whether it ends in a minimum of the whole problem: stationary, and
// E would not rise.
struct OnFloor {
  NewtonSummary reached;
  bool minimum = false;
};

OnFloor on_floor(const Law& law, std::span<const Sample> samples, double delta,
                 const SearchBox& box, const Theta& start, const NewtonOptions& options,
                 int& spent) {
  SearchBox without_floor = box;
  without_floor.free[kFloorPlace] = false;
  Theta on_face = start;
  on_face[kFloorPlace] = box.lower[kFloorPlace];
  if (const auto valley = along_valley(law, samples, delta, box, on_face, false, options, spent)) {
    on_face = *valley;
    on_face[kFloorPlace] = box.lower[kFloorPlace];
  }
  OnFloor out{newton(law, samples, delta, without_floor, on_face, options)};
  spent += out.reached.evaluations;
  Sums sums;
  law.accumulate(out.reached.theta, samples, delta, sums);
  out.minimum = out.reached.converged && sums.gradient[kFloorPlace] >= 0;
  out.reached.evaluations = spent;
  return out;
}

}  // namespace

NewtonSummary minimise(const Law& law, std::span<const Sample> samples, double delta,
                       const SearchBox& box, const Theta& start, const NewtonOptions& options) {
  constexpr double kNearFloor = 8;  // of log E: from here on a walk goes to E = 0 or far from it
  constexpr int kFaceShare = 4;     // of the evaluations, for the walk with E = 0
  constexpr double kRisen = 26;     // of log E over its bound: 2 % of the smallest loss
  const bool floor = law.coefficients[kFloorPlace].kind == Kind::kFloor && box.free[kFloorPlace];
  const auto near_floor = [&](const Theta& theta) {
    return floor && theta[kFloorPlace] < box.lower[kFloorPlace] + kNearFloor;
  };
  NewtonOptions first = options;
  first.max_evaluations = std::min(kPatience, options.max_evaluations);
  NewtonOptions along = options;
  along.max_evaluations = options.max_evaluations / kFaceShare;
  int spent = 0;
  Theta from = start;
  bool stood_there = false;
  // Refits of a fit with E = 0 mostly end there again: E is then held and only checked at the end.
  if (near_floor(start)) {
    const OnFloor face = on_floor(law, samples, delta, box, start, along, spent);
    if (face.minimum) return face.reached;
    from = face.reached.theta;
    stood_there = true;
  }
  if (const auto valley = along_valley(law, samples, delta, box, from, true, options, spent)) {
    from = *valley;
    if (near_floor(from) && !stood_there) {
      const OnFloor face = on_floor(law, samples, delta, box, from, along, spent);
      if (face.minimum) return face.reached;
      from = face.reached.theta;
      stood_there = true;
    }
  }
  if (near_floor(from)) {
    // Near 0 the slope by log E vanishes, and a walk would take long to rise from there.
    from[kFloorPlace] = std::min(box.lower[kFloorPlace] + kRisen, box.upper[kFloorPlace]);
  }
  NewtonSummary summary = newton(law, samples, delta, box, from, first);
  spent += summary.evaluations;
  summary.evaluations = spent;
  // A caller who allows no more than a crawl wants no second walk.
  if (summary.converged || options.max_evaluations <= kPatience) return summary;
  if (floor && !stood_there) {
    const OnFloor face = on_floor(law, samples, delta, box, summary.theta, first, spent);
    if (face.minimum && face.reached.objective <= summary.objective) return face.reached;
  }
  first.max_evaluations = std::max(kPatience, options.max_evaluations - spent);
  summary = newton(law, samples, delta, box, summary.theta, first);
  summary.evaluations += spent;
  return summary;
}

}  // namespace crosslaw::fit
