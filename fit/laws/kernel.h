#pragma once

#include <array>
#include <cmath>

#include "fit/laws/law.h"

// What the laws share. A kernel describes one law for one theta:
//   static constexpr int kSize;                         number of coefficients
//   explicit Kernel(const double* theta);
//   double log_loss(const Sample&, double* gradient);   log L; gradient = d log L / d theta
//   void add_curvature(double scale, double* square);   += scale * (d2 L / d theta2) / L there
// `square` is kSize x kSize, column-major, of which only the lower triangle is used. The second
// derivative of log L is that curvature minus gradient * gradient^T.
namespace crosslaw::fit {

template <class Kernel>
double kernel_log_loss(const double* theta, const Sample& sample, double* gradient) {
  std::array<double, Kernel::kSize> unused;
  return Kernel(theta).log_loss(sample, gradient != nullptr ? gradient : unused.data());
}

template <class Kernel>
void kernel_accumulate(const Theta& theta, std::span<const Sample> samples, double delta,
                       Sums& out) {
  constexpr int kSize = Kernel::kSize;
  using Vector = Eigen::Matrix<double, kSize, 1>;
  using Matrix = Eigen::Matrix<double, kSize, kSize>;
  Kernel kernel(theta.data());
  Vector gradient = Vector::Zero();
  Vector scale = Vector::Zero();
  Matrix piece = Matrix::Zero();
  Matrix majorizer = Matrix::Zero();
  Matrix curvature = Matrix::Zero();
  std::array<double, kSize> slope;
  double objective = 0;
  double pull = 0;
  // One pass over the samples gives everything a step needs: exponentials are the cost, and value,
  // gradient and curvature share them.
  for (const Sample& sample : samples) {
    const double residual = kernel.log_loss(sample, slope.data()) - sample.log_loss;
    const double size = std::abs(residual);
    const bool quadratic = size <= delta;
    const double force = sample.weight * (quadratic ? residual : std::copysign(delta, residual));
    objective +=
        sample.weight * (quadratic ? 0.5 * residual * residual : delta * (size - 0.5 * delta));
    pull += std::abs(force);
    // d2 log L = curvature - gradient gradient^T, hence "- force" beside the weight of the square.
    const double inside = (quadratic ? sample.weight : 0.0) - force;
    const double above = quadratic ? sample.weight : sample.weight * delta / size;
    for (int j = 0; j < kSize; ++j) {  // the lower triangles alone
      const double slope_j = slope[static_cast<std::size_t>(j)];
      gradient[j] += force * slope_j;
      scale[j] += above * slope_j * slope_j;
      for (int i = j; i < kSize; ++i) {
        const double product = slope[static_cast<std::size_t>(i)] * slope_j;
        piece(i, j) += inside * product;
        majorizer(i, j) += (above - force) * product;
      }
    }
    kernel.add_curvature(force, curvature.data());
  }
  out.scale = scale;
  piece += curvature;
  majorizer += curvature;
  out.objective = objective;
  out.pull = pull;
  out.gradient = gradient;
  out.newton = piece.template selfadjointView<Eigen::Lower>();
  out.majorizer = majorizer.template selfadjointView<Eigen::Lower>();
}

}  // namespace crosslaw::fit
