#include "fit/data/rising_loss.h"

#include <cmath>
#include <functional>

#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

std::string told(const std::function<double(double, double)>& loss) {
  Points points;
  for (const double n : {6e7, 2e8, 6e8, 2e9}) {
    for (const double ratio : {5, 20, 80}) points.push_back({n, n * ratio, loss(n, n * ratio)});
  }
  return describe_rise(points, "ce").value_or("");
}

}  // namespace

TEST_CASE("A loss that rises with D at equal N is told though it falls with compute") {
  CHECK_THAT(told([](double n, double d) { return 9 - std::log(n) / 4 + std::log(d) / 50; }),
             has_text("'ce' rises with D at equal N (in 8 of 8"));
  CHECK(told([](double n, double d) { return 9 - std::log(n) / 4 - std::log(d) / 50; }).empty());
}

TEST_CASE("A loss that rises with compute is no loss") {
  CHECK_THAT(told([](double n, double d) { return std::log(n * d); }),
             has_text("rises with compute"));
}
