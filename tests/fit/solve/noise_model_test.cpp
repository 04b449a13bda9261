#include "fit/solve/noise_model.h"

#include <cmath>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

const std::vector<double> kNoiseTruth = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                         planted::kBeta};

// `sizes` runs read at six token counts.
Points with_noise(int sizes, double point, double run, std::uint64_t seed) {
  Points out = planted::sweep(chinchilla_law(), kNoiseTruth, sizes, {2, 5, 10, 20, 40, 80});
  Random random(seed, 0);
  double shared = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 6 == 0) shared = run * random.normal();
    out[i].loss *= std::exp(shared + point * random.normal());
  }
  return out;
}

struct Around {
  Objective objective;
  Theta theta;
  std::vector<int> index;

  explicit Around(const Points& points)
      : objective(make_objective(chinchilla_law(), points, 1e-3)),
        theta(objective.centred(fit_law(points, {.starts = 2, .draws = 0}).theta)) {
    for (std::size_t i = 0; i < points.size(); ++i) index.push_back(static_cast<int>(i));
  }
};

}  // namespace

TEST_CASE("What the points of a run share is told from what each has on its own") {
  const Points points = with_noise(200, 0.004, 0.007, 5);
  const Around at(points);
  const NoiseModel noise =
      fit_noise(at.objective, at.theta, runs_of(points, at.index, at.objective, at.theta).of);
  CHECK(noise.point_sd == Approx(0.004).epsilon(0.1));
  CHECK(noise.run_sd == Approx(0.007).epsilon(0.15));
  CHECK(noise.deviation() == Approx(std::hypot(0.004, 0.007)).epsilon(0.12));
  CHECK(noise.freedom + noise.run_freedom == Approx(1200 - 5));
  CHECK(noise.run_freedom > 195);
}

TEST_CASE("Points of one size are taken for a run when their residuals say so, and seldom else") {
  int independent = 0, shared = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    for (const double run : {0.0, 0.005}) {
      Points points = with_noise(8, 0.005, run, seed);
      for (Point& each : points) each.cluster = -1;
      const Around at(points);
      const Runs runs = runs_of(points, at.index, at.objective, at.theta);
      CHECK(runs.of.empty() == !runs.suspected);
      (run > 0 ? shared : independent) += runs.suspected ? 1 : 0;
    }
  }
  CHECK(independent <= 12);
  CHECK(shared >= 85);
}

TEST_CASE("Seeds of one size and token count are runs of their own") {
  Points points = with_noise(8, 0.001, 0.01, 2);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].cluster = -1;
    points[i].tokens = points[i - i % 6].tokens;
  }
  const Around at(points);
  CHECK(runs_of(points, at.index, at.objective, at.theta).of.empty());
}

TEST_CASE("A drawn size scatters as a variance of so many degrees of freedom allows") {
  const NoiseModel noise{.point_sd = 2, .freedom = 10, .run_sd = 3, .run_freedom = 8, .per_run = 6};
  Random random(7, 0);
  double inverse = 0, squares = 0, between = 0;
  const int count = 40000;
  for (int i = 0; i < count; ++i) {
    const NoiseModel drawn = noise.drawn(random);
    const double share = 4 / (drawn.point_sd * drawn.point_sd);  // chi-square over its freedom
    inverse += share / count;
    squares += share * share / count;
    between += drawn.run_sd > 0 ? 1.0 / count : 0;
  }
  CHECK(inverse == Approx(1).epsilon(0.02));
  CHECK(squares - 1 == Approx(2.0 / 10).epsilon(0.05));
  CHECK(between > 0.99);
}

TEST_CASE("The noise of a world leaves of itself what the fit has left") {
  Points points = planted::sweep(chinchilla_law(), kNoiseTruth, 4, {5, 20, 80}, 0.005, 3);
  points[2].weight = 3;
  const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  const Theta theta = objective.centred(theta_from_values(chinchilla_law(), kNoiseTruth));
  const NoiseModel noise{
      .point_sd = 0.005, .freedom = 7, .left_over = fit_noise(objective, theta).left_over};
  REQUIRE(noise.left_over);
  Random random(2, 0);
  double inverse = 0;
  const int worlds = 4000;
  for (int world = 0; world < worlds; ++world) {
    Eigen::VectorXd standard(12);
    for (double& each : standard) each = random.normal();
    const double size = noise.scaled_to(standard).point_sd;
    const double left = noise.left_over->share(size * standard) * noise.left_over->expected;
    CHECK(left == Approx(0.005 * 0.005 * noise.left_over->expected).epsilon(1e-9));
    inverse += std::pow(0.005 / size, 2) / worlds;
  }
  CHECK(inverse == Approx(1).epsilon(0.05));  // a chi-square over its freedom
}

TEST_CASE("The size of the noise is neither more nor less than it was, however few the points") {
  // A fit near L1 leaves larger residuals than least squares, by a tenth of the size at 12 points.
  double squares = 0;
  const int worlds = 200;
  for (std::uint64_t seed = 0; seed < worlds; ++seed) {
    Points points = planted::sweep(chinchilla_law(), kNoiseTruth, 4, {5, 20, 80});
    Random random(seed, 1);
    for (Point& each : points) {
      each.cluster = -1;
      each.loss *= std::exp(0.005 * random.normal());
    }
    const Around at(points);
    squares += std::pow(fit_noise(at.objective, at.theta).point_sd / 0.005, 2) / worlds;
  }
  CHECK(squares == Approx(1).margin(0.13));
}
