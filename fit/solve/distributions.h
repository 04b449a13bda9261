#pragma once

// What intervals and tests need of four probability distributions.
namespace crosslaw::fit {

// Standard normal: 97.5 % lie below it, so +-kNormal975 deviations are a 95 % interval.
inline constexpr double kNormal975 = 1.959963984540054;

// The x below which the standard normal lies with probability p, 0 < p < 1; within +-8.
double normal_quantile(double p);

// The x with P(|t| < x) = 95 % for Student's t; freedom 1 or more.
double student_quantile95(int freedom);

// P(F > f) with a and b degrees of freedom, by the normal approximation of Paulson (1942): good to
// a few tenths of a percent.
double upper_tail_of_f(double f, double a, double b);

// P(chi-square > q), exact for an even number of degrees of freedom, the only ones it takes.
double upper_tail_of_chi_square(double q, double freedom);

}  // namespace crosslaw::fit
