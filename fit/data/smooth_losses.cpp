#include "fit/data/smooth_losses.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "fit/data/median.h"
#include "fit/data/splitmix64.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kEnoughForQuadratic = 12;
constexpr double kMostCounted = 0.1;         // of a residual of log loss
constexpr double kRises = 0.02;              // a slope, per standard deviation of log N or log D
constexpr int kSubsets = 400;                // of six points; half of them bad: 1 in 64 has none
constexpr std::size_t kPolished = 12;        // the best of these
constexpr std::size_t kPointsFitted = 2000;  // of more, evenly spaced ones
constexpr int kReweightings = 30;

}  // namespace

SmoothLosses::SmoothLosses(const Points& points)
    : quadratic_(points.size() >= kEnoughForQuadratic) {
  const auto n = static_cast<double>(points.size());
  for (const Point& each : points) {
    mean_[0] += std::log(each.params) / n;
    mean_[1] += std::log(each.tokens) / n;
  }
  for (const Point& each : points) {
    scale_[0] += std::pow(std::log(each.params) - mean_[0], 2) / n;
    scale_[1] += std::pow(std::log(each.tokens) - mean_[1], 2) / n;
  }
  for (double& each : scale_) each = each > 0 ? std::sqrt(each) : 1;
  const std::size_t stride = (points.size() + kPointsFitted - 1) / kPointsFitted;
  design_.resize(static_cast<Eigen::Index>((points.size() + stride - 1) / stride), size());
  log_loss_.resize(design_.rows());
  for (Eigen::Index i = 0; i < design_.rows(); ++i) {
    const Point& point = points[static_cast<std::size_t>(i) * stride];
    design_.row(i) = terms(point).head(size()).transpose();
    log_loss_[i] = std::log(point.loss);
  }
  fit();
}

double SmoothLosses::residual(const Point& point) const {
  return std::log(point.loss) - terms(point).head(size()).dot(coefficients_);
}

double SmoothLosses::distance(const Point& a, const Point& b) const {
  return std::hypot(std::log(a.params / b.params) / scale_[0],
                    std::log(a.tokens / b.tokens) / scale_[1]);
}

double SmoothLosses::scatter() const {
  const Eigen::VectorXd sizes = (log_loss_ - design_ * coefficients_).cwiseAbs();
  std::vector<double> sorted(sizes.begin(), sizes.end());
  // As many residuals as there are coefficients are 0 by the fit.
  const auto middle = std::min<std::size_t>(sorted.size() - 1,
                                            (sorted.size() + static_cast<std::size_t>(size())) / 2);
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(middle);
  std::nth_element(sorted.begin(), at, sorted.end());
  return kDeviationOfMedian * *at;
}

Eigen::Vector<double, 6> SmoothLosses::terms(const Point& point) const {
  const double x = (std::log(point.params) - mean_[0]) / scale_[0];
  const double y = (std::log(point.tokens) - mean_[1]) / scale_[1];
  return {1, x, y, x * x, x * y, y * y};
}

// Losses fall with N and D: where the surface rises a point counts as one far off.
bool SmoothLosses::rises_at(const Eigen::VectorXd& fit, Eigen::Index i) const {
  const double x = design_(i, 1), y = design_(i, 2);
  const double by_x = quadratic_ ? fit[1] + 2 * fit[3] * x + fit[4] * y : fit[1];
  const double by_y = quadratic_ ? fit[2] + fit[4] * x + 2 * fit[5] * y : fit[2];
  return by_x > kRises || by_y > kRises;
}

double SmoothLosses::cost_of(const Eigen::VectorXd& fit) const {
  double out = 0;
  for (Eigen::Index i = 0; i < design_.rows(); ++i) {
    const double size = std::abs(log_loss_[i] - design_.row(i).dot(fit));
    out += rises_at(fit, i) ? kMostCounted : std::min(size, kMostCounted);
  }
  return out;
}

Eigen::VectorXd SmoothLosses::least_squares(const Eigen::VectorXd& weights) const {
  // Sizes may be few, so that the squares follow from the rest: the least solution does.
  const Eigen::MatrixXd weighted = weights.asDiagonal() * design_;
  return (design_.transpose() * weighted)
      .completeOrthogonalDecomposition()
      .solve(weighted.transpose() * log_loss_);
}

// Least absolute residuals by reweighting; those beyond `far` count nothing.
Eigen::VectorXd SmoothLosses::polished(Eigen::VectorXd fit, double far) const {
  for (int round = 0; round < kReweightings; ++round) {
    const Eigen::ArrayXd sizes = (log_loss_ - design_ * fit).array().abs();
    const Eigen::VectorXd weights = (sizes < far).select(sizes.max(1e-6).inverse(), 0.0);
    if (weights.sum() <= 0) break;
    fit = least_squares(weights);
  }
  return fit;
}

// The surface through a few points drawn at random.
Eigen::VectorXd SmoothLosses::through_some(std::uint64_t& state) const {
  Eigen::MatrixXd some(size(), size());
  Eigen::VectorXd losses(size());
  for (Eigen::Index k = 0; k < size(); ++k) {
    const auto i =
        static_cast<Eigen::Index>(splitmix64(state++) % static_cast<std::uint64_t>(design_.rows()));
    some.row(k) = design_.row(i);
    losses[k] = log_loss_[i];
  }
  return some.completeOrthogonalDecomposition().solve(losses);
}

void SmoothLosses::fit() {
  const double all = std::numeric_limits<double>::infinity();
  const Eigen::VectorXd start = polished(least_squares(Eigen::VectorXd::Ones(design_.rows())), all);
  std::vector<std::pair<double, Eigen::VectorXd>> tried;
  std::uint64_t state = 1;
  for (int subset = 0; subset < kSubsets; ++subset) {
    Eigen::VectorXd one = through_some(state);
    const double cost = cost_of(one);
    tried.emplace_back(cost, std::move(one));
  }
  const auto better = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::stable_sort(tried.begin(), tried.end(), better);
  tried.resize(kPolished);
  coefficients_ = start;
  tried.emplace_back(0, start);
  for (const auto& [ignored, fit] : tried) {
    const Eigen::VectorXd one = polished(fit, kMostCounted);
    if (cost_of(one) < cost()) coefficients_ = one;
  }
}

}  // namespace crosslaw::fit
