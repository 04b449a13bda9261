#include "fit/solve/resample.h"

#include <cmath>
#include <numeric>

#include "fit/laws/laws.h"
#include "fit/solve/random.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("A draw is a pure function of seed and number") {
  const Points points = planted::two_strategies();
  const Resampler one(points, Resampling::kPairs, 5), two(points, Resampling::kPairs, 5);
  CHECK(one.draw(17).count == two.draw(17).count);
  CHECK(one.draw(17).count != one.draw(18).count);
  CHECK(Resampler(points, Resampling::kPairs, 6).draw(17).count != one.draw(17).count);
}

TEST_CASE("Every draw has as many scratch and as many continued points as the data") {
  const Points points = planted::two_strategies();
  const Resampler resampler(points, Resampling::kPairs, 1);
  for (int d = 0; d < 50; ++d) {
    const std::vector<double> count = resampler.draw(d).count;
    double scratch = 0, continued = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      (points[i].stage == Stage::kScratch ? scratch : continued) += count[i];
    }
    CHECK(scratch == 80);
    CHECK(continued == 80);
  }
}

TEST_CASE("Points occur with the frequency of draws with replacement") {
  const Points points(50, Point{1e8, 1e9, 3.0});
  const Resampler resampler(points, Resampling::kPairs, 3);
  double absent = 0, squares = 0;
  for (int d = 0; d < 2000; ++d) {
    for (const double count : resampler.draw(d).count) {
      absent += count == 0 ? 1 : 0;
      squares += count * count;
    }
  }
  CHECK(absent / 1e5 == Approx(std::pow(0.98, 50)).margin(0.005));
  CHECK(squares / 1e5 == Approx(1 + 0.98).margin(0.03));
}

TEST_CASE("Clusters stay whole") {
  const Points points = planted::two_strategies();
  const Resampler resampler(points, Resampling::kClusters, 1);
  CHECK(resampler.clusters() == 40);
  for (int d = 0; d < 20; ++d) {
    const std::vector<double> count = resampler.draw(d).count;
    for (std::size_t i = 0; i < points.size(); ++i) CHECK(count[i] == count[i - i % 4]);
    CHECK(std::accumulate(count.begin(), count.end(), 0.0) == 160);
  }
}

TEST_CASE("Points without a cluster are runs of their own") {
  Points points(6, Point{1e8, 1e9, 3.0});
  points[0].cluster = points[1].cluster = 4;
  CHECK(Resampler(points, Resampling::kClusters, 1).clusters() == 5);
}

TEST_CASE("A run with points of both stages is drawn as one") {
  Points points(8, Point{1e8, 1e9, 3.0});
  for (int i = 0; i < 8; ++i) {
    points[static_cast<std::size_t>(i)].cluster = i / 2;
    if (i % 2 == 1) points[static_cast<std::size_t>(i)].stage = Stage::kContinued;
  }
  const Resampler resampler(points, Resampling::kClusters, 1);
  for (int d = 0; d < 20; ++d) {
    const std::vector<double> count = resampler.draw(d).count;
    for (std::size_t i = 0; i < 8; i += 2) CHECK(count[i] == count[i + 1]);
  }
}

TEST_CASE("The noise model knows the kind and the size of the noise") {
  const Law& law = chinchilla_law();
  const std::vector<double> truth = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                     planted::kBeta};
  const Theta theta = theta_from_values(law, truth);
  for (const bool laplace : {false, true}) {
    Points points = planted::sweep(law, truth, 200, {1, 3, 10, 30, 100});
    Random random(4, 4);
    for (Point& p : points)
      p.loss *= std::exp(0.01 * (laplace ? random.laplace() : random.normal()));
    const Objective objective = make_objective(law, points, 1e-3);
    const NoiseModel noise = fit_noise(objective, objective.centred(theta));
    CHECK(noise.laplace == laplace);
    CHECK(noise.point_scale() == Approx(0.01).epsilon(0.08));
  }
}

TEST_CASE("A parametric world keeps every point and moves its loss by the noise") {
  const Points points = planted::two_strategies();
  const Objective objective = make_objective(chinchilla_law(), points, 1e-3);
  Theta theta = Theta::Constant(5, 0.2);
  const Resample world = Resampler(points, Resampling::kParametric, 1).draw(0);
  std::vector<Sample> samples;
  const NoiseModel noise{.point_sd = 0.5, .freedom = 75};
  apply(world, objective, all_indices(points), theta, noise, {}, samples);
  REQUIRE(samples.size() == points.size());
  const double fitted = chinchilla_law().log_loss(theta.data(), objective.samples[9], nullptr);
  const double size = noise_in(world, all_indices(points), noise).point_sd;
  CHECK(size == Approx(0.5).epsilon(0.4));
  CHECK(samples[9].log_loss == Approx(fitted + size * world.normal[9]));
}

TEST_CASE("The generator's variates have their moments") {
  Random random(11, 3);
  double mean = 0, squares = 0, sizes = 0, below = 0;
  const int count = 200000;
  for (int i = 0; i < count; ++i) {
    const double z = random.normal();
    mean += z / count;
    squares += z * z / count;
    sizes += std::abs(random.laplace()) / count;
    below += random.index(10) < 3 ? 1.0 / count : 0;
  }
  CHECK(mean == Approx(0).margin(0.01));
  CHECK(squares == Approx(1).epsilon(0.02));
  CHECK(sizes == Approx(1).epsilon(0.02));
  CHECK(below == Approx(0.3).margin(0.005));
}

TEST_CASE("Labels replace the stages: every world has as many points of each label as the data") {
  Points points(30, Point{1e8, 1e9, 3});
  std::vector<int> labels;
  for (int i = 0; i < 30; ++i) labels.push_back(i < 5 ? 0 : i < 15 ? 1 : 2);
  const Resampler resampler(points, Resampling::kPairs, 4, labels);
  bool moved = false;
  for (int draw = 0; draw < 20; ++draw) {
    const Resample world = resampler.draw(draw);
    double sums[3] = {0, 0, 0};
    for (std::size_t i = 0; i < 30; ++i) {
      sums[labels[i]] += world.count[i];
      moved = moved || world.count[i] != 1;
    }
    CHECK(sums[0] == 5);
    CHECK(sums[1] == 10);
    CHECK(sums[2] == 15);
  }
  CHECK(moved);
}
