#include "apps/charts/drawn_points.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"

using namespace crosslaw::charts;

namespace {

std::vector<double> waves(std::size_t count) {
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(std::sin(0.7 * static_cast<double>(i)));
  return out;
}

}  // namespace

TEST_CASE("A few thousand points are all drawn, and nothing is said about it") {
  const DrawnPoints drawn = drawn_points(waves(4000));
  CHECK(drawn.at.size() == 4000);
  CHECK(drawn.note.empty());
  CHECK(drawn_points({}).at.empty());
}

TEST_CASE("Of more points outliers are kept, the rest is even, and the caption says so") {
  std::vector<double> residuals = waves(50000);
  residuals[7] = -9;
  residuals[31234] = 8;
  const DrawnPoints drawn = drawn_points(residuals);
  CHECK(drawn.at.size() == 4000);
  CHECK(drawn.note.find("Of 50000 points 4000 are drawn") != std::string::npos);
  CHECK(std::is_sorted(drawn.at.begin(), drawn.at.end()));
  CHECK(std::adjacent_find(drawn.at.begin(), drawn.at.end()) == drawn.at.end());
  for (const std::size_t outlier : {std::size_t{7}, std::size_t{31234}}) {
    CHECK(std::binary_search(drawn.at.begin(), drawn.at.end(), outlier));
  }
  const auto middle = std::lower_bound(drawn.at.begin(), drawn.at.end(), std::size_t{25000});
  CHECK(std::abs(static_cast<double>(middle - drawn.at.begin()) - 2000) < 60);
}
