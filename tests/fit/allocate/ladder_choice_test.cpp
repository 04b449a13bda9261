#include "fit/allocate/ladder_choice.h"

#include <cmath>
#include <optional>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

Theta theta() {
  return theta_from_values(chinchilla_law(), std::vector{1.69, 406.4, 0.34, 410.7, 0.28});
}

// Twelve sizes, the small ones far dearer than 6 N.
std::vector<LadderSize> ladder() {
  std::vector<LadderSize> out;
  for (int i = 0; i < 12; ++i) {
    const double n = 1e7 * std::pow(2.0, i);
    out.push_back({"size" + std::to_string(i), n, 6 * n + 2e8});
  }
  return out;
}

}  // namespace

TEST_CASE("The best size is that of least loss when each is trained for what it can pay") {
  for (const double flops : {1e18, 1e20, 1e22}) {
    for (const double served : {0.0, 1e11}) {
      Budget budget{flops, {}, {}};
      budget.limits.inference_tokens = served;
      budget.limits.max_params = 9e9;
      std::optional<std::size_t> expected;  // none: serving alone costs the budget
      double least = 1e9;
      const std::vector<LadderSize> sizes = ladder();
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        const double tokens = flops / *sizes[i].flops_per_token - served / 3;
        if (!(tokens > 0) || sizes[i].params > 9e9) continue;
        const double loss = predicted_loss(chinchilla_law(), theta(), sizes[i].params, tokens);
        if (loss < least) expected = i;
        least = std::min(least, loss);
      }
      CHECK(best_size(chinchilla_law(), theta(), budget, sizes) == expected);
    }
  }
}

TEST_CASE("Choices carry the share of draws, and every size within the band is listed") {
  const Budget budget{1e20, {}, {}};
  const std::vector<LadderSize> sizes = ladder();
  const std::size_t best = *best_size(chinchilla_law(), theta(), budget, sizes);
  const std::vector<std::optional<std::size_t>> chosen = {best, best, best + 1, std::nullopt};
  const std::vector<LadderChoice> found =
      ladder_choices(chinchilla_law(), theta(), budget, sizes, chosen, 2.0, 0.01);
  REQUIRE(found.size() >= 2);
  CHECK(found[0].size.name == sizes[best].name);
  CHECK(found[0].draws_share == 0.5);
  CHECK(found[0].as_good);
  CHECK(found[0].excess == Approx(found[0].loss / 2 - 1));
  std::size_t within = 0;
  for (const LadderSize& size : sizes) {
    const double loss =
        predicted_loss(chinchilla_law(), theta(), size.params, 1e20 / *size.flops_per_token);
    within += loss <= 1.01 * found[0].loss ? 1 : 0;
  }
  std::size_t listed = 0;
  double shares = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    listed += found[i].as_good ? 1 : 0;
    shares += found[i].draws_share;
    if (i > 0) CHECK(found[i].loss >= found[i - 1].loss);
  }
  CHECK(listed == within);
  CHECK(shares == Approx(0.75));
}

TEST_CASE("No size is chosen where all are over the cap or cannot be served") {
  Budget budget{1e20, {}, {}};
  budget.limits.max_params = 1e6;
  CHECK_FALSE(best_size(chinchilla_law(), theta(), budget, ladder()));
  CHECK(ladder_choices(chinchilla_law(), theta(), budget, ladder(), {}, 2.0, 0.01).empty());
  budget.limits = {};
  budget.limits.inference_tokens = 1e20;
  CHECK_FALSE(best_size(chinchilla_law(), theta(), budget, ladder()));
}
