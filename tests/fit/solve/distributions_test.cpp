#include "fit/solve/distributions.h"

#include "tests/support/catch.h"

using namespace crosslaw::fit;

// Percentage points as in the tables of Abramowitz and Stegun 1964, chapter 26.

TEST_CASE("Quantiles of Student's t for few degrees of freedom are those of the tables") {
  CHECK(student_quantile95(1) == Approx(12.706).epsilon(1e-4));
  CHECK(student_quantile95(2) == Approx(4.303).epsilon(1e-4));
  CHECK(student_quantile95(3) == Approx(3.182).epsilon(2e-4));
  CHECK(student_quantile95(10) == Approx(2.228).epsilon(2e-4));
  CHECK(student_quantile95(120) == Approx(1.980).epsilon(2e-4));
  CHECK(student_quantile95(100000) == Approx(kNormal975).epsilon(1e-4));
}

TEST_CASE("Quantiles of the normal law are those of the tables, and alike on both sides") {
  CHECK(normal_quantile(0.975) == Approx(kNormal975).epsilon(1e-12));
  CHECK(normal_quantile(0.9) == Approx(1.28155).epsilon(1e-5));
  CHECK(normal_quantile(0.1) == Approx(-normal_quantile(0.9)).epsilon(1e-12));
}

TEST_CASE("Beyond the tabled points of F and chi-square lie five percent") {
  CHECK(upper_tail_of_f(3.3258, 5, 10) == Approx(0.05).epsilon(0.005));
  CHECK(upper_tail_of_f(2.3479, 10, 20) == Approx(0.05).epsilon(0.005));
  CHECK(upper_tail_of_chi_square(5.9915, 2) == Approx(0.05).epsilon(1e-4));
  CHECK(upper_tail_of_chi_square(9.4877, 4) == Approx(0.05).epsilon(1e-4));
  CHECK(upper_tail_of_chi_square(15.5073, 8) == Approx(0.05).epsilon(1e-4));
}
