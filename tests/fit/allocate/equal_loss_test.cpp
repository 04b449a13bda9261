#include "fit/allocate/equal_loss.h"

#include <cmath>
#include <stdexcept>

#include "fit/allocate/transfer.h"
#include "fit/laws/laws.h"
#include "fit/solve/random.h"
#include "tests/support/catch.h"

namespace crosslaw::fit {
namespace {

constexpr double kOwnE = 1.6, kOwnA = 400, kOwnAlpha = 0.34, kScratchB = 430, kScratchBeta = 0.29;
constexpr double kOwnB = 242, kOwnBeta = 0.245, kOwnGamma = 0.031;

double scratch_loss(double n, double d) {
  return kOwnE + kOwnA / std::pow(n, kOwnAlpha) + kScratchB / std::pow(d, kScratchBeta);
}
double continued_loss(double n, double d) {
  return kOwnE + kOwnA / std::pow(n, kOwnAlpha) +
         kOwnB / (std::pow(d, kOwnBeta) * std::pow(n, kOwnGamma));
}
double equal_tokens(double n, double d) {
  return std::pow(kScratchB * std::pow(d, kOwnBeta) * std::pow(n, kOwnGamma) / kOwnB,
                  1 / kScratchBeta);
}

// Sizes from 50M to 1.6B at 5 to 80 tokens a parameter.
Points world(double noise, std::uint64_t seed, int seeds = 1) {
  Random random(seed, 0);
  Points out;
  for (double n = 5e7; n < 2e9; n *= 2) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0, 80.0}) {
      for (int k = 0; k < seeds; ++k) {
        const double d = n * ratio;
        out.push_back({n, d, scratch_loss(n, d) * std::exp(noise * random.normal())});
        out.push_back({n, d, continued_loss(n, d) * std::exp(noise * random.normal())});
        out.back().stage = Stage::kContinued;
      }
    }
  }
  return out;
}

FitResult planted_joint() {
  return from_values(find_law("joint"), {kOwnE, kOwnA, kOwnAlpha, kScratchB, kScratchBeta, kOwnB,
                                         kOwnBeta, kOwnGamma});
}

}  // namespace

TEST_CASE("Measured savings of exact losses are those of the laws behind them") {
  const Points points = world(0, 1);
  const EqualLoss measured = measured_equal_loss(points, {}, 0, 1);
  const EqualLoss law = law_equal_loss(points, planted_joint());
  REQUIRE(measured.continued.size() == 30);
  int inside = 0;
  for (std::size_t i = 0; i < measured.continued.size(); ++i) {
    const Point& p = measured.continued[i];
    INFO(p.params << " parameters, " << p.tokens << " tokens");
    CHECK(*law.tokens[i] == Approx(equal_tokens(p.params, p.tokens)).epsilon(1e-9));
    if (measured.extrapolated[i]) continue;
    ++inside;
    CHECK(*saved_share(measured, i).value ==
          Approx(1 - p.tokens / equal_tokens(p.params, p.tokens)).margin(0.01));
  }
  CHECK(inside >= 20);
}

TEST_CASE("Intervals of measured savings hold the truth about as often as they say") {
  int held = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const EqualLoss measured = measured_equal_loss(world(0.002, seed), {0.002, 100, ""}, 200, 9);
    for (std::size_t i = 0; i < measured.continued.size(); ++i) {
      if (measured.extrapolated[i]) continue;
      const Estimate share = saved_share(measured, i);
      if (!share.ci95) continue;
      const Point& p = measured.continued[i];
      const double truth = 1 - p.tokens / equal_tokens(p.params, p.tokens);
      held += share.ci95->low <= truth && truth <= share.ci95->high;
      ++all;
    }
  }
  REQUIRE(all > 400);
  CHECK(held > 0.90 * all);
  CHECK(held < 0.99 * all);
}

TEST_CASE("The scatter of losses is read from seeds, and from residuals where there are none") {
  const FitResult joint = planted_joint();
  const LossScatter seeds = loss_noise(world(0.004, 3, 3), &joint);
  CHECK(seeds.sd == Approx(0.004).epsilon(0.25));
  CHECK(seeds.freedom == 120);
  CHECK(seeds.from.find("seeds") != std::string::npos);
  const LossScatter residuals = loss_noise(world(0.004, 3), &joint);
  CHECK(residuals.sd == Approx(0.004).epsilon(0.3));
  CHECK(residuals.from.find("residuals") != std::string::npos);
  CHECK(loss_noise(world(0.004, 3), nullptr).sd == 0);
  const SurfaceScatter surface = surface_scatter(select_stage(world(0.004, 3), Stage::kScratch));
  CHECK(std::sqrt(surface.squares / surface.freedom) == Approx(0.004).epsilon(0.4));
}

TEST_CASE("Without known noise there are values and no intervals") {
  const EqualLoss measured = measured_equal_loss(world(0.002, 1), {}, 500, 1);
  CHECK(measured.draws.empty());
  CHECK(saved_share(measured, 12).value);
  CHECK_FALSE(saved_share(measured, 12).ci95);
}

TEST_CASE("Growth, mean share and the share repaid follow from the tokens of equal loss") {
  const Points points = world(0, 1);
  const EqualLoss law = law_equal_loss(points, planted_joint());
  const Point& p = law.continued[7];
  const double moved = equal_tokens(p.params, p.tokens) - p.tokens;
  CHECK(*transferred_tokens(law, 7).value == Approx(moved));
  CHECK(*repaid_share(law, 7, 2e10).value == Approx(moved / 2e10));
  CHECK(*mean_share(law, {3, 7}).value ==
        Approx(0.5 * (*saved_share(law, 3).value + *saved_share(law, 7).value)));
  // An exact power law of transferred data comes back exactly.
  EqualLoss planted = law;
  for (std::size_t i = 0; i < planted.continued.size(); ++i) {
    const Point& at = planted.continued[i];
    planted.tokens[i] = at.tokens + 3 * std::pow(at.tokens, 0.8) * std::pow(at.params, 0.15);
  }
  const std::optional<TransferGrowth> growth = transfer_growth(planted);
  REQUIRE(growth);
  CHECK(growth->points == 30);
  CHECK(*growth->constant.value == Approx(3));
  CHECK(*growth->tokens_exponent.value == Approx(0.8));
  CHECK(*growth->params_exponent.value == Approx(0.15));
}

TEST_CASE("Scratch overtakes between the runs that still save and those that do not") {
  Points points;
  const auto slow = [](double d) { return 2 * std::pow(d, -0.05); };    // continued
  const auto fast = [](double d) { return 4.2 * std::pow(d, -0.08); };  // from scratch
  for (double d = 1e9; d < 2e12; d *= 2) {
    points.push_back({1e8, d, fast(d)});
    points.push_back({1e8, d, slow(d)});
    points.back().stage = Stage::kContinued;
  }
  const double truth = std::pow(2.1, 1 / 0.03);  // 4.2/2 = D^0.03
  const EqualLoss measured = measured_equal_loss(points, {}, 0, 1);
  REQUIRE(measured_crossing(measured, 1e8).value);
  CHECK(*measured_crossing(measured, 1e8).value == Approx(truth).epsilon(0.03));
  CHECK_FALSE(measured_crossing(measured, 2e8).value);
}

TEST_CASE("A fit of one strategy has no tokens of equal loss") {
  const FitResult one = from_values(find_law("chinchilla"), {1.6, 400, 0.34, 430, 0.29});
  CHECK_THROWS_AS(law_equal_loss(world(0, 1), one), std::invalid_argument);
}

TEST_CASE("What lies beyond the losses from scratch is said to, on either side") {
  Points points;
  for (const auto& [tokens, loss] : {std::pair{1e9, 3.0}, {2e9, 2.7}, {4e9, 2.5}})
    points.push_back({1e8, tokens, loss});
  for (const double loss : {3.2, 2.6, 2.3}) {
    Point continued{1e8, 1e9, loss};
    continued.stage = Stage::kContinued;
    points.push_back(continued);
  }
  CHECK(measured_equal_loss(points, {}, 0, 1).extrapolated == std::vector<bool>{true, false, true});
}

TEST_CASE("Where continuing was worse from the first loss on nothing crosses") {
  EqualLoss worse;
  worse.continued = {{1e8, 1e9, 3.0}, {1e8, 4e9, 2.5}};
  worse.tokens = {0.9e9, 3e9};
  CHECK_FALSE(measured_crossing(worse, 1e8).value);
  worse.tokens = {1.1e9, 3e9};
  CHECK(measured_crossing(worse, 1e8).value);
}

}  // namespace crosslaw::fit
