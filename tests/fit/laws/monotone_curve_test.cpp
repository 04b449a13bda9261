#include "fit/laws/monotone_curve.h"

#include <cmath>
#include <stdexcept>

#include "tests/support/catch.h"

namespace crosslaw::fit {

TEST_CASE("A curve runs through its points, whatever their order, and averages equal places") {
  const MonotoneCurve curve({3, 1, 2, 2}, {1, 5, 2, 4});
  CHECK(curve.at(1) == 5);
  CHECK(curve.at(2) == 3);
  CHECK(curve.at(3) == 1);
}

TEST_CASE("Between falling points a curve never rises, also where they hardly fall") {
  const MonotoneCurve curve({0, 1, 2, 3, 4}, {9, 8.9, 2, 1.99, 0});
  double last = curve.at(0);
  for (double x = 0.01; x <= 4; x += 0.01) {
    CHECK(curve.at(x) <= last + 1e-12);
    last = curve.at(x);
  }
}

TEST_CASE("Between the points of a power law with a constant it errs less than chords do") {
  const auto truth = [](double x) { return std::log(1.6 + 30 * std::exp(-0.29 * x)); };
  const std::vector<double> x = {5, 6.4, 7.8};
  const MonotoneCurve curve(x, {truth(5), truth(6.4), truth(7.8)});
  double worst = 0, chords = 0;
  for (double at = 5; at < 7.8; at += 0.05) {
    const std::size_t i = at < 6.4 ? 0 : 1;
    const double chord = truth(x[i]) + (truth(x[i + 1]) - truth(x[i])) * (at - x[i]) / 1.4;
    worst = std::max(worst, std::abs(curve.at(at) - truth(at)));
    chords = std::max(chords, std::abs(chord - truth(at)));
  }
  CHECK(worst < 0.5 * chords);
}

TEST_CASE("A chord is straight between the points and the curve itself beyond them") {
  const MonotoneCurve curve({0, 1, 3}, {9, 3, 1});
  CHECK(curve.chord(0.5) == Approx(6));
  CHECK(curve.chord(1) == 3);
  CHECK(curve.chord(2.5) == Approx(1.5));
  for (const double beyond : {-1.0, 0.0, 3.0, 5.0}) CHECK(curve.chord(beyond) == curve.at(beyond));
  CHECK(MonotoneCurve({2}, {7}).chord(1) == 7);
}

TEST_CASE("The place at which a falling curve reaches a value is found inside and beyond") {
  const MonotoneCurve curve({0, 1, 2}, {4, 3, 1});
  for (const double y : {3.7, 3.0, 2.2, 1.1}) {
    REQUIRE(curve.reaches(y));
    CHECK(curve.at(*curve.reaches(y)) == Approx(y).epsilon(1e-9));
  }
  CHECK(*curve.reaches(5) < 0);
  CHECK(*curve.reaches(0) > 2);
  CHECK(curve.at(*curve.reaches(0)) == Approx(0).margin(1e-9));
}

TEST_CASE(
    "A curve that does not fall reaches nothing beyond its ends, and one point nothing at all") {
  CHECK_FALSE(MonotoneCurve({0, 1}, {1, 2}).reaches(0.5));
  CHECK_FALSE(MonotoneCurve({0}, {1}).reaches(1));
  CHECK_THROWS_AS(MonotoneCurve({}, {}), std::invalid_argument);
  CHECK_THROWS_AS(MonotoneCurve({1, 2}, {1}), std::invalid_argument);
}

TEST_CASE("Neighbours that rise are pooled to their mean") {
  CHECK(falling({5, 3, 4, 1}) == std::vector<double>{5, 3.5, 3.5, 1});
  CHECK(falling({1, 2, 3}) == std::vector<double>{2, 2, 2});
  CHECK(falling({3, 2, 1}) == std::vector<double>{3, 2, 1});
}

}  // namespace crosslaw::fit
