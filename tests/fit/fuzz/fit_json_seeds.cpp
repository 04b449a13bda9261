#include <cmath>

#include "fit/solve/fitter.h"
#include "fit/write/fit_json.h"
#include "tests/fit/fuzz/target.h"

namespace fit = crosslaw::fit;

namespace {

// Forty points of a chinchilla law, those of odd index continued, with some scatter.
fit::Points points() {
  fit::Points out;
  for (int i = 0; i < 40; ++i) {
    fit::Point point;
    point.params = 1e7 * std::pow(3.0, i % 5);
    point.tokens = point.params * std::pow(4.0, 1 + i / 10);
    point.stage = i % 2 == 0 ? fit::Stage::kScratch : fit::Stage::kContinued;
    const double b = i % 2 == 0 ? 410 : 200;
    point.loss = (1.7 + 400 / std::pow(point.params, 0.34) + b / std::pow(point.tokens, 0.28)) *
                 std::exp(0.002 * std::sin(7.0 * i));
    out.push_back(point);
  }
  return out;
}

}  // namespace

std::vector<std::string> seeds(const std::string&) {
  std::vector<std::string> out;
  for (const char* law : {"chinchilla", "extended", "joint", "two-stage"}) {
    fit::FitOptions options;
    options.law = law;
    options.starts = 4;
    options.draws = 25;
    const fit::FitResult found = fit::fit_law(points(), options);
    out.push_back(fit::pretty(fit::to_json(found)));
    out.push_back(fit::to_json(found, false).dump());
  }
  out.emplace_back(
      R"({"law":"chinchilla","coefficients":{"E":1.7,"A":400,"alpha":0.34,"B":410,"beta":0.28}})");
  out.emplace_back(R"({"schema":1,"law":"extended","converged":false,"identifiable":false,
"problems":["why"],"coefficients":{"E":{"value":null,"log":0.5,"se":0.1,"ci95":[1,2]},"A":{"value":400},
"alpha":0.34,"B":{"value":null,"log":900},"beta":{"value":0.28,"frozen":true},"gamma":-0.05},
"coverage":{"params":[1e7,1e9],"tokens":[1e9,1e11],"tokens_per_param":[5,100],"flops":[1e17,1e21],
"loss":[2,4]},"draws":{"rows":[[0.5,6,0.34,6,0.28,0]]}})");
  return out;
}
