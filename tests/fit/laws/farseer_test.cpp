// Farseer's law: the published coefficients, a planted truth, its own grid of 404 runs.
#include <cmath>

#include "fit/data/data_file.h"
#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// ln_q N for N^q: their s is s/q here, their S is S - s/q.
std::vector<double> in_our_form(std::vector<double> published) {
  for (std::size_t k = 0; k < published.size(); k += 3) {
    published[k + 2] += published[k];
    published[k] *= published[k + 1];
  }
  return published;
}

// Li et al. 2025, section 4: e^(-0.021 N^0.169 - 0.091) + e^(88.01 N^-0.1 - 5.287) D^-e^(-0.124
// N^0.123 + 0.424).
const std::vector<double> kPublished = {-0.021, 0.169,  -0.091, 88.01, -0.1,
                                        -5.287, -0.124, 0.123,  0.424};

double by_hand(double n, double d) {
  return std::exp(-0.021 * std::pow(n, 0.169) - 0.091) +
         std::exp(88.01 * std::pow(n, -0.1) - 5.287) *
             std::pow(d, -std::exp(-0.124 * std::pow(n, 0.123) + 0.424));
}

FitResult fit_of(const Points& points) {
  FitOptions options;
  options.law = "farseer";
  options.draws = 0;
  return fit_law(points, options);
}

}  // namespace

TEST_CASE("Farseer predicts what its formula says, wherever the origin of log N is") {
  const Theta theta = theta_from_values(farseer_law(), in_our_form(kPublished));
  for (const double n : {2e8, 3e9}) {
    for (const double d : {4e9, 3e11})
      CHECK(predicted_loss(farseer_law(), theta, n, d) == Approx(by_hand(n, d)).epsilon(1e-12));
  }
}

TEST_CASE("Where a power of Farseer is 0 its curve is the logarithm, without a jump") {
  std::vector<double> values = in_our_form(kPublished);
  const auto loss = [&](double power) {
    values[1] = values[4] = values[7] = power;
    return predicted_loss(farseer_law(), theta_from_values(farseer_law(), values), 20, 1e3);
  };
  CHECK(loss(0) == Approx(loss(1e-9)).epsilon(1e-7));
  CHECK(loss(3.3e-4) == Approx(0.5 * (loss(3.2e-4) + loss(3.4e-4))).epsilon(1e-6));
}

TEST_CASE("A planted Farseer law is found from starts that do not know it") {
  Points points;
  for (double n = 1e8; n < 7e9; n *= 1.7) {
    for (double d = 1e9; d < 4e11; d *= 2.5) points.push_back({n, d, by_hand(n, d)});
  }
  const FitResult fit = fit_of(points);
  CHECK(fit.objective < 1e-16);
  CHECK(fit.converged);
  const std::vector<double> truth = in_our_form(kPublished);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    INFO(farseer_law().coefficients[i].name);
    CHECK(fit.coefficients[i].value == Approx(truth[i]).epsilon(1e-3));
  }
}

TEST_CASE("Farseer predicts the largest runs of its grid better than laws of one exponent") {
  DataFileOptions file;
  file.path = planted::data_path("farseer_train.csv");
  const Points all = read_data_file(file).points;
  Points train, test;
  for (const Point& each : all) (each.params < 4e9 ? train : test).push_back(each);
  REQUIRE(test.size() > 30);
  const auto error = [&](const char* law) {
    FitOptions options;
    options.law = law;
    options.draws = 0;
    options.starts = 16;
    const FitResult fit = fit_law(train, options);
    double sum = 0;
    for (const Point& each : test)
      sum += std::abs(predicted_loss(*fit.law, fit.theta, each) / each.loss - 1);
    return 100 * sum / static_cast<double>(test.size());
  };
  CHECK(error("farseer") < 0.6 * error("extended"));
}

TEST_CASE("Coefficients of Farseer cannot be held: its origin moves them nonlinearly") {
  FitOptions options;
  options.law = "farseer";
  options.constraints = {{"q", 0.1, ""}};
  CHECK_THROWS_WITH(fit_law(planted::reference_points("chinchilla_epoch_240"), options),
                    has_text("cannot be held"));
}
