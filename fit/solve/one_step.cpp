#include "fit/solve/one_step.h"

#include <Eigen/Cholesky>

namespace crosslaw::fit {
namespace {

constexpr double kNoEffect = 1e-14;  // of the largest scale: a coordinate that changes nothing

}  // namespace

OneStep::OneStep(const Objective& objective, const Theta& optimum)
    : law_(*objective.law),
      delta_(objective.delta),
      optimum_(optimum),
      all_(evaluate(objective, optimum)) {
  const double widest = all_.scale.maxCoeff();
  for (int i = 0; i < law_.size(); ++i) {
    const bool inside = optimum[i] > objective.box.lower[i] && optimum[i] < objective.box.upper[i];
    const bool matters = all_.scale[i] > kNoEffect * widest;
    if (objective.box.free[static_cast<std::size_t>(i)] && inside && matters) movable_.push_back(i);
  }
}

std::optional<OneStep::Change> OneStep::without(std::span<const Sample> left_out,
                                                const Theta& frozen) const {
  Sums gone;
  law_.accumulate(optimum_, left_out, delta_, gone);
  const Theta slope = all_.gradient - gone.gradient;
  const Square curvature = all_.newton - gone.newton;
  const Theta right = -(slope + curvature * frozen);
  const Eigen::MatrixXd inner = curvature(movable_, movable_);
  const Eigen::LLT<Eigen::MatrixXd> factor(inner);
  if (factor.info() != Eigen::Success) return std::nullopt;
  const Eigen::VectorXd target = right(movable_);
  const Eigen::VectorXd step = factor.solve(target);
  Change out;
  out.theta = frozen;
  for (std::size_t k = 0; k < movable_.size(); ++k) {
    out.theta[movable_[k]] += step[static_cast<Eigen::Index>(k)];
  }
  out.objective =
      slope.dot(out.theta) + 0.5 * out.theta.dot(curvature * out.theta) - gone.objective;
  if (!out.theta.allFinite()) return std::nullopt;
  return out;
}

}  // namespace crosslaw::fit
