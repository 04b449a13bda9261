#include "fit/evidence/inner_holdout.h"

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "fit/evidence/forecast.h"
#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

ForecastOptions few_draws() {
  ForecastOptions out;
  out.fit.draws = 60, out.fit.starts = 4;
  return out;
}

// Larger models than 3e8 do worse than any law of the forecast knows: their learning rate, say.
double bent_loss(double params, double tokens) {
  const std::vector<double> plain = {kE, kA, kAlpha, kB, kBeta};
  const double law =
      predicted_loss(chinchilla_law(), theta_from_values(chinchilla_law(), plain), params, tokens);
  return law * (1 + 0.01 * std::pow(std::max(0.0, std::log(params / 3e8)), 2));
}

// Budgets of equal compute, each over the same sizes.
Points isoflops(double (*loss)(double, double)) {
  Points out;
  int i = 0;
  for (const double flops : {1e19, 3e19, 1e20, 3e20, 1e21}) {
    for (const double params : {5e7, 1e8, 2e8, 4e8, 8e8, 1.6e9}) {
      const double noise = 0.001 * std::sin(37.0 * ++i);
      const double tokens = flops / (6 * params);
      out.push_back({params, tokens, loss(params, tokens) * (1 + noise)});
    }
  }
  return out;
}

}  // namespace

TEST_CASE("Laws are held out along compute, sizes and tokens, each with weights that sum to 1") {
  const Forecaster made = make_forecaster(isoflops(bent_loss), few_draws());
  const std::vector<InnerHoldout>& inner = made.stages[0].inner;
  REQUIRE(inner.size() == 3);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    CAPTURE(i);
    CHECK(inner[i].axis == &scale_axes()[i]);
    CHECK(inner[i].runs >= 10);
    CHECK(inner[i].distance > 0);
    CHECK(std::accumulate(inner[i].weights.begin(), inner[i].weights.end(), 0.0) == Approx(1));
  }
  for (std::size_t k = 0; k < made.stages[0].laws.size(); ++k) {
    CHECK(made.stages[0].laws[k].weight == inner[0].weights[k]);
    CHECK(made.stages[0].laws[k].inner_error == inner[0].law_errors[k]);
  }
}

TEST_CASE("Points of one compute are held out by size and tokens only") {
  Points one;
  for (int i = 0; i < 16; ++i) {
    const double params = 5e7 * std::pow(1.25, i), tokens = 1e20 / (6 * params);
    one.push_back({params, tokens, bent_loss(params, tokens) * (1 + 0.001 * std::sin(37.0 * i))});
  }
  const Forecaster made = make_forecaster(one, few_draws());
  REQUIRE(made.stages[0].refused.empty());
  const std::vector<InnerHoldout>& inner = made.stages[0].inner;
  REQUIRE(inner.size() == 3);
  CHECK(inner[0].runs == 0);
  CHECK(inner[0].law_errors.empty());
  CHECK(inner[0].drift > 0);  // as much as runs scatter
  CHECK(inner[1].runs == 8);
  CHECK(inner[2].runs == 8);
}

TEST_CASE(
    "A run is forecast with the weights and the drift of the axis along which it lies outside") {
  const Forecaster made = make_forecaster(isoflops(bent_loss), few_draws());
  const auto width = [](const Forecaster& by, const NewRun& run) {
    const Forecast one = forecast(by, {run}).front();
    REQUIRE(one.loss.has_value());
    return std::log(one.ci95().high / one.ci95().low);
  };
  const double flops = 1e21;  // that the data have
  const NewRun larger{6.4e9, flops / (6 * 6.4e9)}, longer{1.25e7, flops / (6 * 1.25e7)};
  const NewRun both{6.4e9, 100 * flops / (6 * 6.4e9)}, within{4e8, flops / (6 * 4e8)};
  const std::vector<std::pair<NewRun, std::size_t>> cases = {
      {larger, 1}, {longer, 2}, {both, 0}, {within, 0}};
  for (const auto& [run, axis] : cases) {
    CAPTURE(run.params, run.tokens);
    const Forecast one = forecast(made, {run}).front();
    REQUIRE(one.loss.has_value());
    double mean = 0;
    for (std::size_t k = 0; k < one.by_law.size(); ++k)
      mean += made.stages[0].inner[axis].weights[k] * std::log(one.by_law[k]);
    CHECK(*one.loss == Approx(std::exp(mean)).epsilon(1e-12));
    Forecaster unsafe = made;
    unsafe.stages[0].inner[axis].drift += 0.05;
    CHECK(width(unsafe, run) > 1.3 * width(made, run));
  }
  // What sizes and tokens missed says nothing of runs within the data.
  for (const std::size_t axis : {1, 2}) {
    Forecaster unsafe = made;
    unsafe.stages[0].inner[axis].drift += 0.05;
    CHECK(width(unsafe, within) == width(made, within));
  }
}
