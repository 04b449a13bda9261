#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>

#include "fit/data/points.h"

namespace crosslaw::fit {

// A polynomial of log loss in log N and log D, a quadratic from 12 points on, that falls with both.
// It is the one of the least sum of absolute residuals of which none counts for more than 10 %, so
// that points far off do not bend it, wherever they lie (found among surfaces through few points,
// as least trimmed squares are: Rousseeuw and Van Driessen 2006). Of more than 2,000 points evenly
// spaced ones are fitted. At least one point.
class SmoothLosses {
 public:
  explicit SmoothLosses(const Points& points);

  bool is_quadratic() const { return quadratic_; }
  // Of log loss.
  double residual(const Point& point) const;
  // Of two points in log N and log D, each by its standard deviation.
  double distance(const Point& a, const Point& b) const;
  // The sum of what is minimised.
  double cost() const { return cost_of(coefficients_); }
  // 1.4826 times the median absolute residual, the standard deviation of normal noise.
  double scatter() const;

 private:
  Eigen::Index size() const { return quadratic_ ? 6 : 3; }
  Eigen::Vector<double, 6> terms(const Point& point) const;
  bool rises_at(const Eigen::VectorXd& fit, Eigen::Index i) const;
  double cost_of(const Eigen::VectorXd& fit) const;
  Eigen::VectorXd least_squares(const Eigen::VectorXd& weights) const;
  Eigen::VectorXd polished(Eigen::VectorXd fit, double far) const;
  Eigen::VectorXd through_some(std::uint64_t& state) const;
  void fit();

  bool quadratic_;
  std::array<double, 2> mean_{}, scale_{};  // of log N and log D
  Eigen::MatrixXd design_;
  Eigen::VectorXd log_loss_, coefficients_;
};

}  // namespace crosslaw::fit
