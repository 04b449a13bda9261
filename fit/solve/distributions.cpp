#include "fit/solve/distributions.h"

#include <cmath>
#include <numbers>

namespace crosslaw::fit {
namespace {

constexpr int kLargeFreedom = 1000;

// P(|t| < x) of Student's t with a whole number of degrees of freedom (Abramowitz and Stegun 1964,
// 26.7.3 and 26.7.4).
double student_central(double x, int freedom) {
  const double angle = std::atan(x / std::sqrt(freedom));
  const double cosine = std::cos(angle), square = cosine * cosine;
  const bool odd = freedom % 2 == 1;
  double term = odd ? cosine : 1, sum = 0;
  for (int k = odd ? 1 : 0; k <= freedom - 2; k += 2) {
    sum += term;
    term *= square * (k + 1) / (k + 2);
  }
  return odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

}  // namespace

double normal_quantile(double p) {
  // By bisection: erfc is all the library has.
  double low = -8, high = 8;
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

double student_quantile95(int freedom) {
  if (freedom > kLargeFreedom)
    return kNormal975 + (std::pow(kNormal975, 3) + kNormal975) / (4 * freedom);
  double low = 0, high = 1e4;
  for (int step = 0; step < 100; ++step) {
    const double middle = 0.5 * (low + high);
    (student_central(middle, freedom) < 0.95 ? low : high) = middle;
  }
  return low;
}

double upper_tail_of_f(double f, double a, double b) {
  const double root = std::cbrt(f);
  const double z = ((1 - 2 / (9 * b)) * root - (1 - 2 / (9 * a))) /
                   std::sqrt(2 / (9 * b) * root * root + 2 / (9 * a));
  return 0.5 * std::erfc(z / std::numbers::sqrt2);
}

double upper_tail_of_chi_square(double q, double freedom) {
  double term = 1, sum = 1;
  for (int k = 1; k < freedom / 2; ++k) {
    term *= q / 2 / k;
    sum += term;
  }
  return std::exp(-q / 2) * sum;
}

}  // namespace crosslaw::fit
