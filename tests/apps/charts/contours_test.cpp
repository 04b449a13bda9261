#include "apps/charts/contours.h"

#include <cmath>

#include "tests/support/catch.h"

using namespace crosslaw::charts;

namespace {

template <typename F>
Grid grid_of(int n, F value) {
  Grid grid;
  for (int i = 0; i < n; ++i) grid.x.push_back(-1 + 2.0 * i / (n - 1));
  grid.y = grid.x;
  for (const double y : grid.y) {
    for (const double x : grid.x) grid.z.push_back(value(x, y));
  }
  return grid;
}

}  // namespace

TEST_CASE("The contour of a plane is one straight line from edge to edge") {
  const auto lines = contour_lines(grid_of(11, [](double x, double y) { return 2 * x + y; }), 0.35);
  REQUIRE(lines.size() == 1);
  for (const Spot& at : lines[0]) CHECK(2 * at.x + at.y == Approx(0.35));
  CHECK(std::abs(std::abs(lines[0].front().y) - 1) < 1e-12);
  CHECK(std::abs(std::abs(lines[0].back().y) - 1) < 1e-12);
}

TEST_CASE("The contour of a hill is one closed circle") {
  const auto lines =
      contour_lines(grid_of(101, [](double x, double y) { return std::hypot(x, y); }), 0.6);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].front().x == lines[0].back().x);
  CHECK(lines[0].front().y == lines[0].back().y);
  double length = 0;
  for (std::size_t i = 0; i < lines[0].size(); ++i) {
    CHECK(std::hypot(lines[0][i].x, lines[0][i].y) == Approx(0.6).epsilon(1e-3));
    if (i > 0)
      length += std::hypot(lines[0][i].x - lines[0][i - 1].x, lines[0][i].y - lines[0][i - 1].y);
  }
  CHECK(length == Approx(2 * M_PI * 0.6).epsilon(1e-3));
}

TEST_CASE("A saddle has two branches that do not cross") {
  const auto lines = contour_lines(grid_of(10, [](double x, double y) { return x * y; }), 0.001);
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) {
    for (const Spot& at : line) CHECK((at.x > 0) == (line.front().x > 0));
  }
}

TEST_CASE("Cells without a number, flat grids and levels out of reach have no contour") {
  CHECK(contour_lines(grid_of(9, [](double, double) { return 1.0; }), 1).empty());
  CHECK(contour_lines(grid_of(9, [](double x, double) { return x; }), 7).empty());
  CHECK(contour_lines({}, 0).empty());
  const auto half =
      contour_lines(grid_of(21, [](double x, double y) { return x < 0 ? NAN : y; }), 0.05);
  REQUIRE(half.size() == 1);
  for (const Spot& at : half[0]) CHECK(at.x >= 0);
}
