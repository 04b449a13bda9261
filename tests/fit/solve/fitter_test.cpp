#include "fit/solve/fitter.h"

#include <cmath>
#include <limits>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

Points chinchilla_sweep(double noise = 0, unsigned seed = 1) {
  return sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 12, {1, 5, 20, 80}, noise, seed);
}

}  // namespace

TEST_CASE("Planted coefficients come back to six digits from both laws") {
  FitOptions options;
  options.draws = 0;
  const FitResult chinchilla = fit_law(chinchilla_sweep(), options);
  CHECK(chinchilla.converged);
  CHECK(chinchilla.identifiable);
  CHECK(chinchilla.value("E") == Approx(kE).epsilon(1e-6));
  CHECK(chinchilla.value("A") == Approx(kA).epsilon(1e-6));
  CHECK(chinchilla.value("alpha") == Approx(kAlpha).epsilon(1e-6));
  CHECK(chinchilla.value("B") == Approx(kB).epsilon(1e-6));
  CHECK(chinchilla.value("beta") == Approx(kBeta).epsilon(1e-6));
  for (const double gamma : {-0.2, 0.08}) {
    options.law = "extended";
    const FitResult extended = fit_law(
        sweep(extended_law(), {kE, kA, kAlpha, kB, kBeta, gamma}, 12, {1, 5, 20, 80}), options);
    CHECK(extended.value("E") == Approx(kE).epsilon(1e-6));
    CHECK(extended.value("A") == Approx(kA).epsilon(1e-6));
    CHECK(extended.value("beta") == Approx(kBeta).epsilon(1e-6));
    CHECK(extended.value("gamma") == Approx(gamma).epsilon(1e-6));
  }
}

TEST_CASE("Losses in another unit scale E, A and B and leave the exponents") {
  FitOptions options;
  options.draws = 0;
  Points points = chinchilla_sweep(0.005);
  const FitResult nats = fit_law(points, options);
  for (Point& p : points) p.loss /= std::log(2.0);
  const FitResult bits = fit_law(points, options);
  CHECK(bits.value("alpha") == Approx(nats.value("alpha")).epsilon(1e-8));
  CHECK(bits.value("B") == Approx(nats.value("B") / std::log(2.0)).epsilon(1e-7));
  CHECK(bits.objective == Approx(nats.objective).epsilon(1e-10));
}

TEST_CASE("A weight of two equals the point given twice") {
  FitOptions options;
  options.draws = 0;
  Points twice = chinchilla_sweep(0.01);
  Points weighted = twice;
  weighted[5].weight = 2;
  twice.push_back(twice[5]);
  const FitResult a = fit_law(weighted, options);
  const FitResult b = fit_law(twice, options);
  CHECK(a.objective == Approx(b.objective).epsilon(1e-10));
  CHECK(a.value("alpha") == Approx(b.value("alpha")).epsilon(1e-8));
}

TEST_CASE("Results are equal bit for bit whatever the number of threads") {
  FitOptions options;
  options.law = "extended";
  options.draws = 60;
  options.starts = 12;
  options.threads = 1;
  const Points points = chinchilla_sweep(0.01);
  const FitResult one = fit_law(points, options);
  options.threads = 4;
  const FitResult four = fit_law(points, options);
  CHECK(one.theta == four.theta);
  CHECK(one.draws == four.draws);
  options.seed = 2;
  CHECK(fit_law(points, options).draws != one.draws);
}

TEST_CASE("Intervals widen with the noise and hold the truth") {
  FitOptions options;
  options.draws = 200;
  const FitResult quiet = fit_law(chinchilla_sweep(0.001, 3), options);
  const FitResult loud = fit_law(chinchilla_sweep(0.01, 3), options);
  for (const char* name : {"alpha", "beta"}) {
    REQUIRE(quiet.coefficient(name).se);
    CHECK(*loud.coefficient(name).se > 3 * *quiet.coefficient(name).se);
    REQUIRE(loud.coefficient(name).ci95);
    CHECK(loud.coefficient(name).ci95->low < loud.value(name));
    CHECK(loud.coefficient(name).ci95->high > loud.value(name));
  }
  CHECK(loud.coefficient("alpha").ci95->low < kAlpha);
  CHECK(loud.coefficient("alpha").ci95->high > kAlpha);
}

TEST_CASE("Clusters widen the intervals of checkpoints that share their run's error") {
  Points points = chinchilla_sweep();
  std::vector<double> shift = {0.012, -0.02,  0.004,  -0.006, 0.017,  -0.011,
                               0.009, -0.003, -0.015, 0.02,   -0.008, 0.001};
  for (Point& p : points) p.loss *= std::exp(shift[static_cast<std::size_t>(p.cluster)]);
  FitOptions options;
  options.draws = 400;
  options.resampling = Resampling::kPairs;
  const FitResult pairs = fit_law(points, options);
  options.resampling = Resampling::kClusters;
  const FitResult clusters = fit_law(points, options);
  CHECK(*clusters.coefficient("alpha").se > 1.3 * *pairs.coefficient("alpha").se);
}

TEST_CASE("The parametric bootstrap agrees with pairs on independent noise") {
  FitOptions options;
  options.huber_delta = std::numeric_limits<double>::infinity();
  options.draws = 400;
  options.resampling = Resampling::kPairs;
  Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 40, {1, 3, 10, 30}, 0.01, 9);
  for (Point& each : points) each.cluster = -1;
  const FitResult pairs = fit_law(points, options);
  options.resampling = Resampling::kParametric;
  const FitResult parametric = fit_law(points, options);
  for (const char* name : {"alpha", "beta"}) {
    CHECK(*parametric.coefficient(name).se == Approx(*pairs.coefficient(name).se).epsilon(0.35));
  }
}

TEST_CASE("Runs that leave fewer than two degrees of freedom have no intervals, and it is said") {
  const Points all = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 4, {5, 80}, 0.005, 3);
  FitOptions options;
  options.draws = 100;
  for (const std::size_t count : {5, 6, 7}) {
    // Three sizes of two token counts, and what is left of a fourth.
    Points points(all.begin() + static_cast<std::ptrdiff_t>(8 - count), all.end());
    for (Point& each : points) each.cluster = -1;
    const FitResult fit = fit_law(points, options);
    INFO(count);
    const bool enough = count == 7;
    CHECK((fit.draws.rows() > 0) == enough);
    CHECK(fit.coefficient("E").ci95.has_value() == enough);
    if (enough) continue;
    CHECK_FALSE(fit.identifiable);
    CHECK_FALSE(fit.coefficient("alpha").verdict.usable());
    CHECK_THAT(fit.problems.back(), has_text("of freedom"));
  }
}

TEST_CASE("Few runs are resampled by the law and its noise, many as points or whole runs") {
  FitOptions options;
  options.draws = 20;
  const auto kind = [&](const Points& points) { return fit_law(points, options).bootstrap.kind; };
  Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 60, {1, 3, 10, 30}, 0.01, 9);
  CHECK(kind(points) == Resampling::kParametric);  // 60 runs of four points
  for (Point& each : points) each.cluster = -1;
  CHECK(kind(points) == Resampling::kPairs);  // 240 runs
  points.resize(12);
  CHECK(kind(points) == Resampling::kParametric);
}

TEST_CASE("A resample with fewer different points than coefficients is no draw") {
  Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 4, {5, 80}, 0.005, 3);
  for (Point& each : points) each.cluster = -1;
  FitOptions options;
  options.draws = 300;
  options.resampling = Resampling::kPairs;
  // Of 8 draws from 8 points 4 different ones or fewer: 17 % (by the Stirling numbers).
  const double failed = fit_law(points, options).bootstrap.failed / 300.0;
  CHECK(failed == Approx(0.17).margin(0.07));
}

TEST_CASE("Delta by the residuals is near their size, and no outlier moves it") {
  FitOptions options;
  options.draws = 0;
  options.auto_delta = true;
  const FitResult quiet = fit_law(chinchilla_sweep(0.01, 3), options);
  CHECK(quiet.auto_delta);
  CHECK(quiet.huber_delta > 0.002);
  CHECK(quiet.huber_delta < 0.03);
  Points points = chinchilla_sweep(0.01, 3);
  points[4].loss *= 3;
  CHECK(fit_law(points, options).huber_delta < 0.03);
  CHECK(fit_law(chinchilla_sweep(0.001, 3), options).huber_delta < 0.003);
}

TEST_CASE("Without draws there are no intervals") {
  FitOptions options;
  options.draws = 0;
  const FitResult fit = fit_law(chinchilla_sweep(0.01), options);
  CHECK_FALSE(fit.coefficient("alpha").se);
  CHECK_FALSE(fit.coefficient("alpha").ci95);
  CHECK(fit.draws.rows() == 0);
}

TEST_CASE("Options and points out of bounds are refused by name") {
  FitOptions options;
  options.huber_delta = 0;
  CHECK_THROWS_WITH(fit_law(chinchilla_sweep(), options), has_text("huber_delta"));
  options = {};
  options.starts = 0;
  CHECK_THROWS_WITH(fit_law(chinchilla_sweep(), options), has_text("starts"));
  options = {};
  options.law = "linear";
  CHECK_THROWS_WITH(fit_law(chinchilla_sweep(), options), has_text("linear"));
  options = {};
  Points points = chinchilla_sweep();
  points[2].loss = -1;
  CHECK_THROWS_WITH(fit_law(points, options), has_text("point 2: loss"));
  points.resize(4);
  points[2].loss = 3;
  CHECK_THROWS_WITH(fit_law(points, options), has_text("4 points cannot fit 5 coefficients"));
}
