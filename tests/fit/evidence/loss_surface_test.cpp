#include "fit/evidence/loss_surface.h"

#include <cmath>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("A surface holds the law's log loss, sizes along a row and tokens down the rows") {
  const FitResult fit = from_values(
      chinchilla_law(), {planted::kE, planted::kA, planted::kAlpha, planted::kB, planted::kBeta});
  const LossSurface surface = loss_surface(fit, {1e8, 1e9, 1e10}, {2e9, 2e10});
  REQUIRE(surface.log_loss.size() == 6);
  for (std::size_t j = 0; j < 2; ++j) {
    for (std::size_t i = 0; i < 3; ++i) {
      const double loss = planted::kE + planted::kA / std::pow(surface.params[i], planted::kAlpha) +
                          planted::kB / std::pow(surface.tokens[j], planted::kBeta);
      CHECK(surface.log_loss[j * 3 + i] == Approx(std::log(loss)));
    }
  }
}
