#include "fit/data/points.h"

#include <stdexcept>

#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("Points that cannot be fitted are named by index, field and value") {
  const Points points = {{1e8, 1e9, 3.0}, {0, 1e9, 3.0}, {1e8, -1, 3.0}, {1e8, 1e9, std::nan("")}};
  const std::vector<std::string> found = problems(points);
  REQUIRE(found.size() == 3);
  CHECK(found[0] == "point 1: params = 0 must be a finite number above 0");
  CHECK(found[1] == "point 2: tokens = -1 must be a finite number above 0");
  CHECK(found[2] == "point 3: loss = nan must be a finite number above 0");
}

TEST_CASE("A weight of zero is a problem, and so is having no points") {
  CHECK(problems({{1e8, 1e9, 3.0, 0.0}}).size() == 1);
  CHECK(problems(Points{}).size() == 1);
  CHECK(problems({{1e8, 1e9, 3.0}}).empty());
}

TEST_CASE("At most as many problems are told as were asked for") {
  CHECK(problems(Points(50), 7).size() == 7);
}

TEST_CASE("What points cover holds compute beyond 64-bit integers") {
  const DataRange covered = coverage({{1e8, 2e9, 3.0}, {1e12, 1e14, 1.5}});
  CHECK(covered.flops.high == Approx(6e26));
  CHECK(covered.tokens_per_param.low == Approx(20));
  CHECK(covered.tokens_per_param.high == Approx(100));
  CHECK(covered.loss.low == 1.5);
  CHECK_THROWS_AS(coverage({}), std::invalid_argument);
}

TEST_CASE("A stage is selected in order") {
  Points points(3);
  points[0].stage = Stage::kContinued;
  points[0].loss = 1;
  points[2].stage = Stage::kContinued;
  points[2].loss = 2;
  const Points selected = select_stage(points, Stage::kContinued);
  REQUIRE(selected.size() == 2);
  CHECK(selected[1].loss == 2);
}
