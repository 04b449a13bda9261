#include "fit/allocate/best_split.h"

#include <cmath>
#include <limits>

#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

Theta chinchilla(double e, double a, double alpha, double b, double beta) {
  return theta_from_values(chinchilla_law(), std::vector{e, a, alpha, b, beta});
}

Theta extended(double e, double a, double alpha, double b, double beta, double gamma) {
  return theta_from_values(extended_law(), std::vector{e, a, alpha, b, beta, gamma});
}

// The same law at another address, for which no closed form is known.
const Law& searched(const Law& law) {
  static const Law chinchilla_copy = chinchilla_law();
  static const Law extended_copy = extended_law();
  return &law == &chinchilla_law() ? chinchilla_copy : extended_copy;
}

Budget budget(double flops, Limits limits = {}, ComputeModel compute = {}) {
  return {flops, compute, limits};
}

struct Cell {
  double params, tokens, loss;
};

// The least loss on a fine grid over all (N, D) that a budget can pay for and the limits allow.
Cell brute_force(const Law& law, const Theta& theta, const Budget& b, double centre) {
  Cell best{0, 0, std::numeric_limits<double>::infinity()};
  for (int i = -1500; i <= 1500; ++i) {
    const double n = centre * std::exp(i * 0.004);
    if (b.limits.max_params && n > *b.limits.max_params * (1 + 1e-12)) continue;
    const double f = b.compute.flops_per_token(n);
    double d = b.flops / f - b.limits.inference_tokens / 3;
    if (b.limits.max_tokens) d = std::min(d, *b.limits.max_tokens);
    for (int k = 0; k < 20 && d > 0; ++k, d *= 0.9) {  // fewer tokens must not be better either
      const double loss = predicted_loss(law, theta, n, d, Stage::kScratch,
                                         std::min(d, b.limits.unique_tokens.value_or(d)));
      if (loss < best.loss) best = {n, d, loss};
    }
  }
  return best;
}

void agrees_with_brute_force(const Law& law, const Theta& theta, const Budget& b) {
  const Split found = *best_split(law, theta, b);
  const Cell grid = brute_force(law, theta, b, found.params);
  CHECK(found.loss <= grid.loss * (1 + 1e-12));
  CHECK(found.loss == Approx(grid.loss).epsilon(1e-5));
  CHECK(found.params == Approx(grid.params).epsilon(6e-3));
  CHECK(found.tokens == Approx(grid.tokens).epsilon(1e-2));
}

}  // namespace

TEST_CASE("The search ends at the closed form") {
  const ComputeModel measured{31.0, 0.93, 0.02, true};
  for (const double gamma : {-0.2, 0.0, 0.08}) {
    const Theta theta = extended(1.55, 420, 0.40, 433.3, 0.25, gamma);
    for (const double flops : {1e15, 1e18, 1e21, 1e24}) {
      for (const ComputeModel& compute : {ComputeModel{}, measured}) {
        const Split closed = *best_split(extended_law(), theta, budget(flops, {}, compute));
        const Split found =
            *best_split(searched(extended_law()), theta, budget(flops, {}, compute));
        CHECK(found.params == Approx(closed.params).epsilon(1e-6));
        CHECK(found.tokens == Approx(closed.tokens).epsilon(1e-6));
        CHECK(found.loss == Approx(closed.loss).epsilon(1e-12));
        CHECK(compute.flops_per_token(found.params) * found.tokens == Approx(flops));
      }
    }
  }
}

TEST_CASE("An outer exponent moves no optimum, for the outer power is monotone") {
  const Theta outer =
      theta_from_values(outer_law(), std::vector{1.7, 400.0, 0.34, 900.0, 0.30, 0.7});
  const Theta inner = chinchilla(1.7, 400, 0.34, 900, 0.30);
  for (const double flops : {1e18, 1e22}) {
    const Split found = *best_split(outer_law(), outer, budget(flops));
    const Split expected = *best_split(chinchilla_law(), inner, budget(flops));
    CHECK(found.params == Approx(expected.params).epsilon(1e-6));
    CHECK(found.tokens == Approx(expected.tokens).epsilon(1e-6));
  }
}

TEST_CASE("Kaplan's law is allocated as its first-order condition says") {
  // Kaplan et al. 2020, Eq. 1.5 and Table 2: the sum (N_c/N)^(alpha/beta) + D_c 6N/C is least.
  const double alpha = 0.076, beta = 0.103, critical_n = 6.4e13, critical_d = 1.8e13;
  const Theta theta = theta_from_values(
      kaplan_law(),
      std::vector{std::pow(critical_n, alpha), alpha, std::pow(critical_d, beta), beta});
  const double flops = 1e23, ratio = alpha / beta;
  const double expected =
      std::pow(ratio * std::pow(critical_n, ratio) * flops / (6 * critical_d), 1 / (1 + ratio));
  CHECK(best_split(kaplan_law(), theta, budget(flops))->params == Approx(expected).epsilon(1e-6));
}

TEST_CASE("Where tokens repeat the published example is found: smaller models, more epochs") {
  // Muennighoff et al. 2023, section 5 and Fig. 1: with 25B unique tokens and 9.3e21 FLOPs, 6.34B
  // parameters on 242B tokens (9.7 epochs) where the chinchilla law has 8.67B on 178B.
  const Theta theta = theta_from_values(
      data_constrained_law(), std::vector{1.87, 521.0, 0.353, 1488.0, 0.353, 15.387756, 5.309743});
  Limits limits;
  limits.unique_tokens = 2.5e10;
  const Budget b = budget(9.3e21, limits);
  const Split plain = *best_split(data_constrained_law(), theta, budget(9.3e21));
  const Split found = *best_split(data_constrained_law(), theta, b);
  CHECK(plain.params == Approx(8.67e9).epsilon(0.1));
  CHECK(found.params == Approx(6.34e9).epsilon(0.1));
  CHECK(found.tokens / 2.5e10 == Approx(9.7).epsilon(0.1));
  CHECK(found.loss > plain.loss);
  agrees_with_brute_force(data_constrained_law(), theta, b);
  // With more distinct tokens than are used nothing changes.
  limits.unique_tokens = 1e13;
  CHECK(best_split(data_constrained_law(), theta, budget(9.3e21, limits))->params ==
        Approx(plain.params).epsilon(1e-6));
  CHECK(knows_repetition(data_constrained_law()));
  CHECK_FALSE(knows_repetition(chinchilla_law()));
}

TEST_CASE("A cap on tokens gives the rest of the budget to the model") {
  const Theta theta = chinchilla(1.55, 420, 0.40, 719.5, 0.30);
  Limits limits;
  limits.max_tokens = 2e10;
  const Budget b = budget(1e21, limits);
  const Split found = *best_split(chinchilla_law(), theta, b);
  CHECK(found.at_max_tokens);
  CHECK_FALSE(found.at_max_params);
  CHECK(found.tokens == Approx(2e10).epsilon(1e-12));
  CHECK(found.params == Approx(1e21 / 6 / 2e10).epsilon(1e-12));
  CHECK(found.unused_share == 0);
  agrees_with_brute_force(chinchilla_law(), theta, b);
  CHECK(found.loss > best_split(chinchilla_law(), theta, budget(1e21))->loss);
  // A cap that does not bind changes nothing.
  limits.max_tokens = 1e15;
  CHECK(best_split(chinchilla_law(), theta, budget(1e21, limits))->params ==
        best_split(chinchilla_law(), theta, budget(1e21))->params);
}

TEST_CASE("Caps on both leave compute over, and a cap on parameters alone does not") {
  const Theta theta = chinchilla(1.55, 420, 0.40, 719.5, 0.30);
  Limits limits;
  limits.max_params = 1e8;
  Split found = *best_split(chinchilla_law(), theta, budget(1e21, limits));
  CHECK(found.at_max_params);
  CHECK(found.params == Approx(1e8).epsilon(1e-12));
  CHECK(found.tokens == Approx(1e21 / 6e8).epsilon(1e-12));
  CHECK(found.unused_share == 0);
  limits.max_tokens = 1e10;
  found = *best_split(chinchilla_law(), theta, budget(1e21, limits));
  CHECK(found.at_max_params);
  CHECK(found.at_max_tokens);
  CHECK(found.unused_share == Approx(1 - 6e8 * 1e10 / 1e21));
}

TEST_CASE("Where a larger model is worse on the same tokens the optimum leaves compute over") {
  const Theta theta = extended(1.7, 50, 0.35, 300, 0.36, -0.20);
  Limits limits;
  limits.max_tokens = 1e9;
  const Budget b = budget(1e22, limits);
  const Split found = *best_split(extended_law(), theta, b);
  CHECK(found.at_max_tokens);
  CHECK(found.unused_share > 0.5);
  agrees_with_brute_force(extended_law(), theta, b);
  // d/dN at D: alpha A N^-alpha = |gamma| B D^-beta N^|gamma|.
  const double expected = std::pow(0.35 * 50 / (0.20 * 300 * std::pow(1e9, -0.36)), 1 / 0.55);
  CHECK(found.params == Approx(expected).epsilon(1e-6));
}

TEST_CASE("Tokens to be served move the optimum to smaller models trained longer") {
  const Theta theta = chinchilla(1.69, 406.4, 0.34, 410.7, 0.28);
  const Split plain = *best_split(chinchilla_law(), theta, budget(1e23));
  double last = plain.params;
  for (const double served : {1e11, 1e12, 1e13}) {
    Limits limits;
    limits.inference_tokens = served;
    const Budget b = budget(1e23, limits);
    const Split found = *best_split(chinchilla_law(), theta, b);
    CHECK(6 * found.params * found.tokens + 2 * found.params * served == Approx(1e23));
    CHECK(found.params < last);
    CHECK(found.tokens / found.params > plain.tokens / plain.params);
    CHECK(found.loss > plain.loss);
    agrees_with_brute_force(chinchilla_law(), theta, b);
    last = found.params;
  }
  Limits limits{3e9, 5e11, std::nullopt, 1e12};
  agrees_with_brute_force(chinchilla_law(), theta, budget(1e23, limits, {11.0, 0.98, 0, true}));
}

TEST_CASE("A law without an interior optimum has no split, and the reason is said") {
  const Law& law = searched(extended_law());
  const Theta larger = extended(1.7, 400, 0.3, 500, 0.1, 0.2);
  CHECK_FALSE(best_split(law, larger, budget(1e20)));
  CHECK_THAT(why_no_split(law, larger, budget(1e20)), has_text("larger models are always better"));
  const Theta smaller = extended(1.7, 400, -0.1, 500, 0.3, 0);
  CHECK_THAT(why_no_split(law, smaller, budget(1e20)), has_text("smaller models are never worse"));
  // The loss becomes E to the last digit long before the largest size: still no optimum.
  const Theta flat = extended(1.7, 400, 1.0, 1e-30, 0.1, 0.2);
  CHECK_FALSE(best_split(law, flat, budget(1e20)));
  CHECK(why_no_split(law, extended(1.7, 400, 0.3, 500, 0.3, 0), budget(1e20)).empty());
}

TEST_CASE("The flat band ends where the loss is the given share above the least, or at a cap") {
  const Theta theta = chinchilla(1.55, 420, 0.40, 719.5, 0.30);
  const Budget b = budget(1e21);
  const Split best = *best_split(chinchilla_law(), theta, b);
  const Range band = flat_band(chinchilla_law(), theta, b, best, 0.01);
  CHECK(band.low < best.params);
  CHECK(band.high > best.params);
  for (const double n : {band.low, band.high}) {
    CHECK(predicted_loss(chinchilla_law(), theta, n, 1e21 / 6 / n) ==
          Approx(1.01 * best.loss).epsilon(1e-8));
  }
  Limits limits;
  limits.max_params = 1.2 * best.params;
  const Range cut = flat_band(chinchilla_law(), theta, budget(1e21, limits), best, 0.01);
  CHECK(cut.high == Approx(1.2 * best.params));
  CHECK(cut.low == Approx(band.low));
}

TEST_CASE("Of a budget beyond any model the band still holds the best size") {
  const Theta theta = chinchilla(1.82, 478, 0.347, 2143, 0.367);
  for (const double flops : {1e150, 1e300}) {
    const Split best = *best_split(chinchilla_law(), theta, budget(flops));
    const Range band = flat_band(chinchilla_law(), theta, budget(flops), best, 0.01);
    CHECK(band.low < best.params);
    CHECK(band.high > best.params);
  }
}

TEST_CASE("Where serving alone costs the budget that is the reason") {
  const Theta theta = chinchilla(1.82, 478, 0.347, 2143, 0.367);
  Limits limits;
  limits.inference_tokens = 1e30;
  CHECK_FALSE(best_split(chinchilla_law(), theta, budget(1e21, limits)));
  CHECK_THAT(why_no_split(chinchilla_law(), theta, budget(1e21, limits)),
             has_text("serving 1e+30 tokens alone costs more than C = 1e+21"));
}

TEST_CASE("Limits out of their bounds are named") {
  CHECK(problems(Limits{}).empty());
  Limits limits{0.0, -1.0, std::nan(""), -5};
  const std::vector<std::string> found = problems(limits);
  REQUIRE(found.size() == 4);
  CHECK_THAT(found[0], has_text("max_params = 0"));
  CHECK_THAT(found[3], has_text("inference_tokens = -5"));
}
