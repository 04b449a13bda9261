#include "fit/evidence/forecast.h"

#include <cmath>
#include <random>

#include "fit/evidence/forecast_score.h"
#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;
using crosslaw::tests::has_text;

namespace {

const std::vector<double> kPlain = {kE, kA, kAlpha, kB, kBeta};

ForecastOptions quick(int draws = 60) {
  ForecastOptions out;
  out.fit.draws = draws;
  out.fit.starts = 4;
  return out;
}

double truth_at(const Law& law, const std::vector<double>& values, const NewRun& run) {
  return predicted_loss(law, theta_from_values(law, values), run.params, run.tokens);
}

double weight_of(const StageForecaster& of, const std::string& law) {
  for (const ForecastLaw& each : of.laws) {
    if (each.law == law) return each.weight;
  }
  return -1;
}

Points each_alone(Points points) {
  for (Point& each : points) each.cluster = -1;
  return points;
}

}  // namespace

TEST_CASE("Points weigh by their compute to the power 0.75, on average 1") {
  Points points;
  for (int i = 0; i < 20; ++i) points.push_back({1e8, 1e9 * (1 + i), 3});
  points[1].weight = 2;
  const Points made = weighted_by_compute(points);
  CHECK(compute_power(points) == kComputePower);
  CHECK(made[19].weight / made[0].weight == Approx(std::pow(20, 0.75)));
  CHECK(made[1].weight / made[0].weight == Approx(2 * std::pow(2, 0.75)));
  double sum = -0.5 * made[1].weight;
  for (const Point& each : made) sum += each.weight;
  CHECK(sum == Approx(20));
}

TEST_CASE("However far the compute spans, as many points count as the laws have coefficients") {
  Points points;
  for (int i = 0; i < 20; ++i) points.push_back({1e8 * std::pow(4, i), 1e9 * std::pow(4, i), 3});
  CHECK(compute_power(points) < 0.4);
  double sum = 0, squares = 0;
  for (const Point& each : weighted_by_compute(points)) {
    sum += each.weight;
    squares += each.weight * each.weight;
  }
  CHECK(sum * sum / squares == Approx(kFewestEffective).epsilon(1e-6));
}

TEST_CASE("The law that predicts inside the data weighs most, and the forecast comes true") {
  const std::vector<double> bent = {kE, kA, kAlpha, 26, kBeta, -0.15};
  const Points points = each_alone(sweep(extended_law(), bent, 10, {2, 5, 10, 20, 50}, 0.001, 3));
  const Forecaster made = make_forecaster(points, quick());
  REQUIRE(made.stages.size() == 1);
  CHECK(made.stages[0].inner.front().runs >= 20);
  CHECK(weight_of(made.stages[0], "extended") > 2 * weight_of(made.stages[0], "chinchilla"));
  const NewRun run{3e10, 3e12};
  const Forecast one = forecast(made, {run}).front();
  REQUIRE(one.loss.has_value());
  CHECK(*one.loss == Approx(truth_at(extended_law(), bent, run)).epsilon(0.01));
  CHECK(one.ci95().low < *one.loss);
  CHECK(one.ci95().high > *one.loss);
  CHECK(one.intervals[0].high < one.intervals[1].high);
  CHECK(one.intervals[1].high < one.ci95().high);
}

TEST_CASE("Intervals of forecasts hold new runs of a planted law") {
  constexpr int kWorlds = 8;
  constexpr double kScatter = 0.005;
  std::mt19937 engine(5);
  std::normal_distribution<double> normal;
  int held = 0, all = 0;
  double width = 0;
  for (int world = 0; world < kWorlds; ++world) {
    const Points points = each_alone(sweep(chinchilla_law(), kPlain, 6, {3, 10, 30, 100}, kScatter,
                                           90 + static_cast<unsigned>(world)));
    for (const Forecast& each :
         forecast(make_forecaster(points, quick(40)), {{2e10, 2e11}, {2e10, 2e12}})) {
      REQUIRE(each.loss.has_value());
      width += std::log(each.ci95().high / each.ci95().low);
      for (int k = 0; k < 10; ++k) {
        const double came =
            truth_at(chinchilla_law(), kPlain, each.run) * std::exp(kScatter * normal(engine));
        held += each.ci95().low <= came && came <= each.ci95().high ? 1 : 0;
        ++all;
      }
    }
  }
  CHECK(held >= 0.88 * all);
  CHECK(width / (2 * kWorlds) < 0.2);
}

TEST_CASE("What the laws said of their errors inside the data is no drift of the truth") {
  // The truth is one of the laws: what they miss is scatter and the error of their coefficients.
  constexpr double kScatter = 0.01;
  double drift = 0;
  for (unsigned world = 1; world <= 4; ++world) {
    const Points points =
        each_alone(sweep(chinchilla_law(), kPlain, 6, {3, 10, 30, 100}, kScatter, 40 + world));
    drift += make_forecaster(points, quick(100)).stages[0].inner.front().drift / 4;
  }
  CHECK(drift < 0.4 * kScatter);
}

TEST_CASE("Points too few for a law leave it out, and too few for any say why") {
  const Points many = each_alone(sweep(chinchilla_law(), kPlain, 4, {5, 80}, 0.003));
  const Points seven(many.begin(), many.begin() + 7);
  const Forecaster one = make_forecaster(seven, quick());
  REQUIRE(one.stages[0].laws.size() == 1);
  CHECK(one.stages[0].laws[0].law == "chinchilla");
  CHECK(one.stages[0].laws[0].weight == 1);
  REQUIRE(one.stages[0].left_out.size() == 2);
  CHECK_THAT(one.stages[0].left_out[0].reason, has_text("degrees of freedom"));

  const Points five(many.begin(), many.begin() + 5);
  const Forecast none = forecast(make_forecaster(five, quick()), {{1e11, 1e12}}).front();
  CHECK_FALSE(none.loss.has_value());
  CHECK_THAT(none.unknown, has_text("no law can be fitted"));
}

TEST_CASE("Where D follows N a forecast holds along their line only") {
  const Points ray = each_alone(sweep(chinchilla_law(), kPlain, 12, {20}, 0.002));
  const Forecaster made = make_forecaster(ray, quick());
  REQUIRE(made.stages[0].along_line);
  const std::vector<Forecast> both = forecast(made, {{2e10, 4e11}, {2e10, 4e12}});
  REQUIRE(both[0].loss.has_value());
  CHECK(*both[0].loss == Approx(truth_at(chinchilla_law(), kPlain, both[0].run)).epsilon(0.03));
  CHECK_FALSE(both[1].loss.has_value());
  CHECK_THAT(both[1].unknown, has_text("along one line"));
}

TEST_CASE("Two sizes tell nothing of a third, but of more tokens at the two") {
  const Points two = each_alone(sweep(chinchilla_law(), kPlain, 2, {2, 5, 10, 20, 40}, 0.003));
  const Forecaster made = make_forecaster(two, quick());
  const std::vector<Forecast> both = forecast(made, {{1e12, 1e13}, {1e10, 8e11}});
  CHECK_FALSE(both[0].loss.has_value());
  CHECK_THAT(both[0].unknown, has_text("two sizes only"));
  INFO(both[1].unknown);
  REQUIRE(both[1].loss.has_value());
  CHECK(*both[1].loss == Approx(truth_at(chinchilla_law(), kPlain, both[1].run)).epsilon(0.05));
}

TEST_CASE("Scratch and continued runs are forecast apart") {
  const Points points = each_alone(two_strategies(0.003, 4));
  const Forecaster made = make_forecaster(points, quick(30));
  REQUIRE(made.stages.size() == 2);
  CHECK(made.stages[1].stage == "continued");
  CHECK(weight_of(made.stages[1], "two-stage") > 0);
  CHECK(weight_of(made.stages[0], "two-stage") < 0);
  const std::vector<Forecast> two = forecast(made, {{2e10, 4e11}});
  REQUIRE(two.size() == 2);
  const NewRun run{2e10, 4e11};
  const std::vector<double> joint = {kE,    kA,          kAlpha,         kB,
                                     kBeta, kContinuedB, kContinuedBeta, kGamma};
  const double continued = predicted_loss(joint_law(), theta_from_values(joint_law(), joint),
                                          run.params, run.tokens, Stage::kContinued);
  REQUIRE(two[0].loss.has_value());
  REQUIRE(two[1].loss.has_value());
  CHECK(*two[0].loss == Approx(truth_at(chinchilla_law(), kPlain, run)).epsilon(0.02));
  CHECK(*two[1].loss == Approx(continued).epsilon(0.02));
  CHECK(forecaster_at(made, Stage::kContinued) == &made.stages[1]);
}

TEST_CASE("Forecasts refuse what they cannot be asked") {
  const Points points = each_alone(sweep(chinchilla_law(), kPlain, 4, {5, 20, 80}, 0.003));
  CHECK_THROWS_WITH(make_forecaster({}, quick()), has_text("no points"));
  CHECK_THROWS_WITH(make_forecaster(points, quick(5)), has_text("20 at least"));
  ForecastOptions unknown = quick();
  unknown.laws = {"quartic"};
  CHECK_THROWS_WITH(make_forecaster(points, unknown), has_text("quartic"));
  const Forecaster made = make_forecaster(points, quick(20));
  CHECK_THROWS_WITH(forecast(made, {{-1, 1e9}}), has_text("above 0"));
}

TEST_CASE("A law that reads more of a run than N and D does not forecast by numbers made up") {
  Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 6, {5, 20, 80}, 0.002);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].target_share = 0.25 * static_cast<double>(1 + i % 4);
    points[i].base_tokens = 1e11 * static_cast<double>(1 + i % 3);
  }
  for (const char* law : {"d-cpt", "base-budget", "forgetting"}) {
    ForecastOptions options;
    options.fit.draws = 40;
    options.laws = {law};
    const Forecaster made = make_forecaster(points, options);
    INFO(law);
    CHECK_THAT(made.stages.front().refused, has_text("a new run N:D does not say"));
  }
}
