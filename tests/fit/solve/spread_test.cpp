#include "fit/solve/spread.h"

#include <cmath>
#include <limits>

#include "fit/laws/laws.h"
#include "fit/solve/fit_result.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("Quantiles are linear between neighbours, as in numpy") {
  const std::vector<double> sorted = {1, 2, 4, 8};
  CHECK(quantile(sorted, 0) == 1);
  CHECK(quantile(sorted, 1) == 8);
  CHECK(quantile(sorted, 0.5) == 3);
  CHECK(quantile(sorted, 0.1) == Approx(1.3));
}

TEST_CASE("Standard error and interval are those of the values") {
  std::vector<std::optional<double>> draws;
  for (int i = 1; i <= 100; ++i) draws.emplace_back(i);
  const Estimate found = summarise(50.0, draws);
  CHECK(*found.value == 50.0);
  CHECK(*found.se == Approx(std::sqrt(100 * 101 / 12.0)));
  CHECK(found.ci95->low == Approx(3.475));
  CHECK(found.ci95->high == Approx(97.525));
}

TEST_CASE("An interval is withheld when the quantity often does not exist") {
  std::vector<std::optional<double>> draws(100, 1.0);
  for (std::size_t i = 0; i < 2; ++i) draws[i].reset();
  CHECK(summarise(1.0, draws).ci95);
  CHECK(summarise(1.0, draws).undefined == Approx(0.02));
  draws[5].reset();
  CHECK_FALSE(summarise(1.0, draws).ci95);
}

TEST_CASE("Few or infinite draws give no interval instead of a wrong one") {
  CHECK_FALSE(summarise(1.0, std::vector<std::optional<double>>(19, 1.0)).se);
  std::vector<std::optional<double>> draws(100, 1.0);
  for (std::size_t i = 0; i < 10; ++i) draws[i] = std::numeric_limits<double>::infinity();
  const Estimate found = summarise(1.0, draws);
  CHECK_FALSE(found.se);
  CHECK_FALSE(found.ci95);
}

TEST_CASE("Values whose squares overflow still have a standard error") {
  std::vector<std::optional<double>> draws;
  for (int i = 1; i <= 100; ++i) draws.emplace_back(i * 1e200);
  CHECK(*summarise(1e200, draws).se == Approx(1e200 * std::sqrt(100 * 101 / 12.0)));
}

TEST_CASE("A derived quantity is taken over the rows of the draws") {
  FitResult fit = from_values(chinchilla_law(), {1.7, 400, 0.3, 400, 0.25});
  fit.draws.resize(40, 5);
  for (int r = 0; r < 40; ++r) {
    fit.draws.row(r) = fit.theta.transpose();
    fit.draws(r, 2) += 0.001 * (r - 19.5);
  }
  const Estimate found =
      estimate(fit, [](const Theta& theta) { return std::optional(theta[2] + theta[4]); });
  CHECK(*found.value == Approx(0.55));
  CHECK(found.ci95->low == Approx(0.55 - 0.001 * 18.525));
}
