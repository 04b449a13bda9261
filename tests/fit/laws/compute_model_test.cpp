#include "fit/laws/compute_model.h"

#include <cmath>

#include "fit/data/data_file.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("A planted power law of FLOPs a token comes back") {
  Points points;
  for (const double n : {1e6, 3e7, 2e9}) {
    for (const double d : {1e9, 5e10}) {
      Point point{n, d, 3.0};
      point.flops = 23.5 * std::pow(n, 0.94) * d;
      points.push_back(point);
    }
  }
  const ComputeModel model = *fit_compute(points);
  CHECK(model.constant == Approx(23.5).epsilon(1e-10));
  CHECK(model.exponent == Approx(0.94).epsilon(1e-12));
  CHECK(model.rms < 1e-7);
  CHECK(model.measured);
  CHECK(model.flops_per_token(1e8) == Approx(23.5 * std::pow(1e8, 0.94)));
  CHECK(std::exp(model.log_params(model.log_flops_per_token(std::log(7e8)))) == Approx(7e8));
  // Points of unknown compute do not take part.
  points.push_back({1e12, 1e10, 2.0});
  CHECK(fit_compute(points)->exponent == Approx(0.94).epsilon(1e-12));
}

TEST_CASE("The measured compute of Cerebras-GPT is the straight line of an independent fit") {
  DataFileOptions file;
  file.path = planted::data_path("cerebras_gpt_pile.csv");
  file.compute = "C";
  const ComputeModel model = *fit_compute(read_data_file(file).points);
  CHECK(model.exponent == Approx(0.9062984908530783).epsilon(1e-9));
  CHECK(model.constant == Approx(59.43513728984614).epsilon(1e-8));
  CHECK(model.rms == Approx(0.017869456676331746).epsilon(1e-7));
  CHECK_THAT(describe(model), has_text("counted FLOPs, 1.8 % rms"));
}

TEST_CASE("One size or no measured compute gives no model") {
  Points points = {{1e8, 1e9, 3.0}, {1e8, 2e9, 2.9}, {2e9, 1e9, 2.5}};
  CHECK_FALSE(fit_compute(points));
  points[0].flops = points[1].flops = 1e18;
  CHECK_FALSE(fit_compute(points));
  CHECK(describe(ComputeModel{}) == "C = 6 N D");
}

TEST_CASE("FLOPs a token that fall with the size are no way to count compute") {
  Points points;
  for (const double params : {1e7, 1e8, 1e9}) {
    Point point{params, 1e9, 3};
    point.flops = 1e12 * point.tokens / params;
    points.push_back(point);
  }
  CHECK_FALSE(fit_compute(points));
}
