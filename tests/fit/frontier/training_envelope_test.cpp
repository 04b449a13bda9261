#include "fit/frontier/training_envelope.h"

#include <cmath>

#include "fit/laws/power_form.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

const PowerForm kEnvelopeForm{std::log(planted::kE), std::log(planted::kA), planted::kAlpha,
                              std::log(planted::kB), planted::kBeta,        0};

TrainingEnvelopeOptions quick_envelope(int draws = 0) {
  TrainingEnvelopeOptions options;
  options.frontier.draws = draws;
  return options;
}

// Runs of many sizes, each with checkpoints from 5 to 500 tokens a parameter.
Points training_curves() {
  Points out;
  for (int run = 0; run < 120; ++run) {
    const double params = 1e6 * std::pow(10.0, run / 20.0);
    for (int k = 0; k < 13; ++k) {
      const double tokens = 5 * params * std::pow(100.0, k / 12.0);
      out.push_back({params, tokens, kEnvelopeForm.loss(params, tokens), 1, run});
    }
  }
  return out;
}

}  // namespace

TEST_CASE("The best of many training curves follows the planted optimum") {
  TrainingEnvelopeOptions options = quick_envelope(100);
  options.frontier.flops = {1e19};
  const TrainingEnvelopeFit fit = fit_training_envelope(training_curves(), options);
  CHECK(fit.interpolated);
  CHECK(fit.runs == 120);
  CHECK(fit.values == 1500);
  const double exponent = planted::kBeta / (planted::kAlpha + planted::kBeta);
  CHECK(*fit.frontier.params.exponent.value == Approx(exponent).margin(0.03));
  CHECK(*fit.frontier.tokens.exponent.value ==
        Approx(1 - *fit.frontier.params.exponent.value).margin(1e-3));
  const Optimum truth = *optimum(kEnvelopeForm, 1e19);
  CHECK(*fit.frontier.rows[0].params.value == Approx(truth.params).epsilon(0.1));
  CHECK(fit.frontier.params.exponent.ci95);
  // Every segment holds the ladder's size next to the optimum, in steps of 10^(1/20).
  for (const EnvelopeSegment& each : crosslaw::tests::some(fit.segments)) {
    if (each.flops.low < 1e17 || each.flops.high > 1e20) continue;
    const double middle = std::sqrt(each.flops.low * each.flops.high);
    CHECK(each.params == Approx(optimum(kEnvelopeForm, middle)->params).epsilon(0.13));
    CHECK(each.loss.low <= optimum(kEnvelopeForm, middle)->loss * 1.001);
    CHECK(each.loss.high >= optimum(kEnvelopeForm, middle)->loss);
  }
}

TEST_CASE("Two curves change places where their lines cross") {
  // Straight in logs: L = 4 (C/C0)^-0.02 and 5 (C/C0)^-0.10 cross at (5/4)^(1/0.08) C0.
  Points points;
  for (const double c : {1.0, 1e3}) {
    const double flops = 1e18 * c;
    points.push_back({1e8, flops / 6e8, 4 * std::pow(c, -0.02), 1, 0});
    points.push_back({1e9, flops / 6e9, 5 * std::pow(c, -0.10), 1, 1});
  }
  const TrainingEnvelopeFit fit = fit_training_envelope(points, quick_envelope());
  REQUIRE(fit.segments.size() == 2);
  CHECK(fit.segments[0].params == Approx(1e8));
  const double crossing = 1e18 * std::pow(1.25, 1 / 0.08);
  const double step = std::pow(1e3, 1.0 / 1499);
  CHECK(fit.segments[0].flops.high <= crossing);
  CHECK(fit.segments[1].flops.low >= crossing);
  CHECK(fit.segments[1].flops.low / fit.segments[0].flops.high == Approx(step).epsilon(1e-9));
  CHECK(fit.segments[1].flops.high == Approx(1e21).epsilon(1e-12));
  CHECK(fit.segments[1].tokens.high == Approx(1e21 / 6e9).epsilon(1e-9));
  CHECK_THAT(fit.warnings.at(0), has_text("smallest size holds"));
}

TEST_CASE("Points without checkpoints are taken where they lie on the envelope") {
  Points points;
  for (int i = 0; i < 12; ++i) {
    const double flops = 1e18 * std::pow(2.0, i);
    const double params = 0.1 * std::sqrt(flops);
    points.push_back({params, flops / (6 * params), 20 * std::pow(flops, -0.05)});
    points.push_back({3 * params, flops / (18 * params), 21 * std::pow(flops, -0.05)});
  }
  const TrainingEnvelopeFit fit = fit_training_envelope(points, quick_envelope(60));
  CHECK_FALSE(fit.interpolated);
  CHECK(fit.values == 12);
  CHECK(*fit.frontier.params.exponent.value == Approx(0.5).epsilon(1e-9));
  CHECK(*fit.frontier.loss.exponent.value == Approx(-0.05).epsilon(1e-9));
  CHECK(*fit.frontier.loss.constant.value == Approx(20).epsilon(1e-7));
}

TEST_CASE("Points of runs without curves are left out and counted") {
  Points points = training_curves();
  points.push_back({1e9, 2e10, 1.0});
  points.push_back({1e9, 2e10, 1.0, 1, 999});
  const TrainingEnvelopeFit fit = fit_training_envelope(points, quick_envelope());
  CHECK(fit.single_points == 2);
  CHECK(fit.runs == 120);
  CHECK_THAT(fit.warnings.back(), has_text("2 points are left out"));
}

TEST_CASE("Draws do not depend on threads") {
  TrainingEnvelopeOptions options = quick_envelope(40);
  options.frontier.threads = 1;
  const double low =
      fit_training_envelope(training_curves(), options).frontier.params.exponent.ci95->low;
  options.frontier.threads = 3;
  CHECK(fit_training_envelope(training_curves(), options).frontier.params.exponent.ci95->low ==
        low);
}

TEST_CASE("What is no training run is refused") {
  CHECK_THROWS_WITH(
      fit_training_envelope({{1e8, 1e9, 3, 1, 0}, {2e8, 2e9, 2.9, 1, 0}}, quick_envelope()),
      has_text("belong to one run"));
  CHECK_THROWS_WITH(fit_training_envelope({{1e8, 1e9, 3}, {2e8, 2e9, 3.1}}, quick_envelope()),
                    has_text("fewer than two"));
  TrainingEnvelopeOptions options = quick_envelope();
  options.frontier.resampling = Resampling::kParametric;
  options.grid = 1;
  CHECK(problems(options).size() == 2);
}
