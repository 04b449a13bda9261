#include "fit/allocate/simulation.h"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

const std::vector<double> kSimulated = {kE, kA, kAlpha, kB, kBeta};
const std::vector<double> kJointValues = {kE,    kA,          kAlpha,         kB,
                                          kBeta, kContinuedB, kContinuedBeta, kGamma};

Theta simulated_truth() { return theta_from_values(chinchilla_law(), kSimulated); }

Points design() { return sweep(chinchilla_law(), kSimulated, 6, {2, 10, 50, 250}); }

// Least squares with refits of the fitted noise: what theory knows best.
SimulationOptions least_squares(int sweeps, int draws) {
  SimulationOptions options;
  options.fit.starts = 4;
  options.fit.huber_delta = std::numeric_limits<double>::infinity();
  options.fit.draws = draws;
  options.fit.resampling = Resampling::kParametric;
  options.noise = {0.002, 0, false};
  options.sweeps = sweeps;
  options.flops = {1e21};
  return options;
}

const Outlook& of(const Simulation& simulation, const std::string& name) {
  for (const Outlook& each : simulation.outlooks) {
    if (each.name == name) return each;
  }
  throw std::runtime_error("no outlook for " + name);
}

double deviation(const std::vector<double>& values) {
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) squares += std::pow(value - mean, 2);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

// 80 runs of six losses, the law of the points without noise.
Points runs_of_six() {
  Points out = sweep(chinchilla_law(), kSimulated, 80, {5, 10, 20, 40, 80, 160});
  return out;
}

FitResult fitted_to(const Points& points) {
  return fit_law(points,
                 {.huber_delta = std::numeric_limits<double>::infinity(), .starts = 4, .draws = 0});
}

}  // namespace

TEST_CASE("Without noise every simulated fit finds the truth") {
  SimulationOptions options = least_squares(2, 0);
  options.noise.point = 0;
  const Simulation found = simulate(design(), chinchilla_law(), simulated_truth(), options);
  CHECK(found.sweeps == 2);
  CHECK(found.failed == 0);
  REQUIRE(found.outlooks.size() == 8);
  for (const Outlook& each : crosslaw::tests::some(found.outlooks)) {
    INFO(each.name);
    REQUIRE(each.truth);
    CHECK(each.estimates == 2);
    CHECK(each.bias.value() / *each.truth == Approx(0).margin(1e-6));
    CHECK(each.deviation.value() / *each.truth == Approx(0).margin(1e-6));
  }
  // Hoffmann et al. 2022, Eq. 4.
  const double g = std::pow(kAlpha * kA / (kBeta * kB), 1 / (kAlpha + kBeta));
  const double best = g * std::pow(1e21 / 6, kBeta / (kAlpha + kBeta));
  CHECK(of(found, "N*").truth.value() == Approx(best).epsilon(1e-9));
  CHECK(of(found, "D*").truth.value() == Approx(1e21 / 6 / best).epsilon(1e-9));
  CHECK(of(found, "N*").flops == 1e21);
  CHECK_FALSE(of(found, "alpha").flops);
}

TEST_CASE("Without refits there are no intervals, and nothing is said of them") {
  const Simulation found =
      simulate(design(), chinchilla_law(), simulated_truth(), least_squares(1, 0));
  const Outlook& alpha = of(found, "alpha");
  CHECK(alpha.estimates == 1);
  CHECK(alpha.bias);
  CHECK_FALSE(alpha.deviation);  // of one estimate
  CHECK(alpha.intervals == 0);
  CHECK_FALSE((alpha.expected || alpha.coverage || alpha.sign_share));
}

TEST_CASE("Intervals of small normal noise hold the truth 19 times in 20") {
  Points points = sweep(chinchilla_law(), kSimulated, 10, {2, 6, 20, 60, 200, 600});
  for (Point& each : points) each.cluster = -1;
  const Simulation found =
      simulate(points, chinchilla_law(), simulated_truth(), least_squares(300, 150));
  for (const char* name : {"alpha", "beta", "N*", "loss"}) {
    const Outlook& each = of(found, name);
    INFO(name << " " << each.coverage.value());
    CHECK(each.intervals == 300);
    // Two standard deviations of 300 intervals are 0.025; 150 refits cost another 0.005.
    CHECK(each.coverage.value() == Approx(0.945).margin(0.03));
    CHECK(each.expected->high - each.expected->low ==
          Approx(2 * 1.96 * each.deviation.value()).epsilon(0.12));
    CHECK(std::abs(each.bias.value()) < 0.25 * each.deviation.value());
    CHECK(each.sign_share.value() == 1);
  }
}

TEST_CASE("Estimates scatter as the inverse of the information says") {
  const Points points = design();
  const Theta at = simulated_truth();
  Eigen::MatrixXd slopes(points.size(), 5);
  for (Eigen::Index i = 0; i < slopes.rows(); ++i) {
    const Point& p = points[static_cast<std::size_t>(i)];
    for (int j = 0; j < 5; ++j) {
      Theta up = at, down = at;
      up[j] += 1e-6;
      down[j] -= 1e-6;
      slopes(i, j) = std::log(predicted_loss(chinchilla_law(), up, p.params, p.tokens) /
                              predicted_loss(chinchilla_law(), down, p.params, p.tokens)) /
                     2e-6;
    }
  }
  const Eigen::MatrixXd covariance = 0.002 * 0.002 * (slopes.transpose() * slopes).inverse();
  const Simulation found = simulate(points, chinchilla_law(), at, least_squares(600, 0));
  CHECK(of(found, "alpha").deviation.value() == Approx(std::sqrt(covariance(2, 2))).epsilon(0.1));
  CHECK(of(found, "beta").deviation.value() == Approx(std::sqrt(covariance(4, 4))).epsilon(0.1));
  CHECK(of(found, "E").deviation.value() == Approx(kE * std::sqrt(covariance(0, 0))).epsilon(0.1));
}

TEST_CASE("A simulation does not depend on the number of threads, and counts its sweeps") {
  SimulationOptions options = least_squares(12, 20);
  options.threads = 1;
  const Simulation one = simulate(design(), chinchilla_law(), simulated_truth(), options);
  options.threads = 3;
  std::vector<int> told;
  const Simulation three = simulate(design(), chinchilla_law(), simulated_truth(), options,
                                    [&](int done) { told.push_back(done); });
  for (std::size_t i = 0; i < one.outlooks.size(); ++i) {
    CHECK(one.outlooks[i].bias == three.outlooks[i].bias);
    CHECK(one.outlooks[i].deviation == three.outlooks[i].deviation);
    CHECK(one.outlooks[i].expected->low == three.outlooks[i].expected->low);
    CHECK(one.outlooks[i].expected->high == three.outlooks[i].expected->high);
  }
  CHECK(told.size() == 12);
  CHECK(std::is_sorted(told.begin(), told.end()));
  CHECK(told.back() == 12);
  options.seed = 2;
  CHECK(simulate(design(), chinchilla_law(), simulated_truth(), options).outlooks[0].bias !=
        one.outlooks[0].bias);
}

TEST_CASE("The sign of gamma is resolved when it is large, and rarely when it is 0") {
  SimulationOptions options = least_squares(40, 60);
  options.fit.law = "extended";
  const std::vector<double> large = {kE, kA, kAlpha, kContinuedB, kContinuedBeta, kGamma};
  const Simulation clear =
      simulate(design(), extended_law(), theta_from_values(extended_law(), large), options);
  CHECK(of(clear, "gamma").sign_share.value() > 0.9);
  CHECK(of(clear, "gamma").truth.value() == kGamma);
  const Simulation none = simulate(design(), chinchilla_law(), simulated_truth(), options);
  CHECK(of(none, "gamma").sign_share.value() < 0.2);
}

TEST_CASE("A coefficient that the true law lacks has no truth") {
  SimulationOptions options = least_squares(2, 20);
  options.fit.law = "extended";
  const Simulation found = simulate(design(), chinchilla_law(), simulated_truth(), options);
  const Outlook& gamma = of(found, "gamma");
  CHECK_FALSE((gamma.truth || gamma.bias || gamma.coverage));
  CHECK(gamma.estimates == 2);
  CHECK(of(found, "beta").truth.value() == Approx(kBeta));
  CHECK(of(found, "N*").truth);
}

TEST_CASE("Budgets that print alike keep truths of their own") {
  SimulationOptions options = least_squares(1, 0);
  options.flops = {1.0001e21, 1.0002e21};
  const Simulation found = simulate(design(), chinchilla_law(), simulated_truth(), options);
  CHECK(found.outlooks[5].flops == 1.0001e21);
  CHECK(found.outlooks[8].flops == 1.0002e21);
  CHECK(found.outlooks[5].truth.value() < found.outlooks[8].truth.value());
}

TEST_CASE("Of law joint a plain fit is asked for the half that its design is of") {
  const Theta joint = theta_from_values(joint_law(), kJointValues);
  SimulationOptions options = least_squares(1, 0);
  options.noise.point = 0;
  CHECK(of(simulate(design(), joint_law(), joint, options), "N*").bias.value() ==
        Approx(0).margin(1e3));
  options.fit.law = "extended";
  Points continued = design();
  for (Point& each : continued) each.stage = Stage::kContinued;
  const Simulation found = simulate(continued, joint_law(), joint, options);
  CHECK(of(found, "B").truth.value() == Approx(kContinuedB));
  CHECK(of(found, "gamma").bias.value() == Approx(0).margin(1e-6));
  Points both = design();
  both.insert(both.end(), continued.begin(), continued.end());
  CHECK_FALSE(of(simulate(both, joint_law(), joint, options), "N*").truth);
}

TEST_CASE("A two-stage fit is asked for both strategies") {
  const Theta joint = theta_from_values(joint_law(), kJointValues);
  SimulationOptions options = least_squares(1, 0);
  options.fit.law = kTwoStageLaw;
  options.noise.point = 0;
  const Simulation found = simulate(two_strategies(), joint_law(), joint, options);
  for (const Outlook& each : crosslaw::tests::some(found.outlooks)) {
    INFO(each.name);
    CHECK(each.bias.value() / each.truth.value() == Approx(0).margin(1e-5));
  }
  CHECK(of(found, "continued N*").truth.value() != of(found, "scratch N*").truth.value());
}

TEST_CASE("What a fit cannot identify has no interval, whatever its refits say") {
  const Theta joint = theta_from_values(joint_law(), kJointValues);
  SimulationOptions options = least_squares(3, 40);
  options.fit.law = "joint";  // of scratch runs alone
  const Simulation found = simulate(design(), joint_law(), joint, options);
  CHECK(found.unidentified == 3);
  for (const char* name : {"gamma", "B_continued", "continued N*"}) {
    INFO(name);
    CHECK(of(found, name).intervals == 0);
    CHECK_FALSE((of(found, name).expected || of(found, name).sign_share));
  }
  CHECK(of(found, "alpha").intervals == 3);
}

TEST_CASE("Budgets count FLOPs as the compute model does") {
  SimulationOptions options = least_squares(1, 0);
  const double six =
      of(simulate(design(), chinchilla_law(), simulated_truth(), options), "N*").truth.value();
  options.compute.constant = 12;
  options.flops = {2e21};
  CHECK(of(simulate(design(), chinchilla_law(), simulated_truth(), options), "N*").truth.value() ==
        Approx(six));
}

TEST_CASE("Losses of a sweep are a pure function of seed and sweep") {
  const Points points = design();
  const LossNoise noise{0.01, 0.02, false};
  const auto draw = [&](std::uint64_t seed, int sweep) {
    std::vector<double> out;
    for (const Point& p :
         draw_losses(points, chinchilla_law(), simulated_truth(), noise, seed, sweep)) {
      out.push_back(p.loss);
    }
    return out;
  };
  CHECK(draw(1, 5) == draw(1, 5));
  CHECK(draw(1, 5) != draw(1, 6));
  CHECK(draw(1, 5) != draw(2, 5));
}

TEST_CASE("Points of a run share its noise, and others do not") {
  Points points = design();
  points[0].cluster = points[1].cluster = -1;
  const Points drawn =
      draw_losses(points, chinchilla_law(), simulated_truth(), {0, 0.05, false}, 1, 0);
  const auto shift = [&](std::size_t i) { return std::log(drawn[i].loss / points[i].loss); };
  CHECK(points[2].cluster == points[3].cluster);
  CHECK(shift(2) == Approx(shift(3)).epsilon(1e-12));
  CHECK(std::abs(shift(3) - shift(4)) > 1e-6);
  CHECK(std::abs(shift(0) - shift(1)) > 1e-6);
}

TEST_CASE("Noise has the deviation asked for, and Laplace noise heavier tails") {
  Points points = sweep(chinchilla_law(), kSimulated, 100, std::vector<double>(50, 20.0));
  double kurtosis[2];
  for (const bool laplace : {false, true}) {
    const Points drawn =
        draw_losses(points, chinchilla_law(), simulated_truth(), {0.01, 0, laplace}, 3, 0);
    std::vector<double> shifts;
    double fourth = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      shifts.push_back(std::log(drawn[i].loss / points[i].loss));
      fourth += std::pow(shifts.back() / 0.01, 4) / static_cast<double>(points.size());
    }
    CHECK(deviation(shifts) == Approx(0.01).epsilon(0.05));
    kurtosis[laplace ? 1 : 0] = fourth;
  }
  CHECK(kurtosis[0] == Approx(3).margin(0.4));
  CHECK(kurtosis[1] == Approx(6).margin(1.5));
}

TEST_CASE("The noise of runs and of points is told apart around a fit") {
  for (const LossNoise planted : {LossNoise{0.004, 0.02, false}, LossNoise{0.02, 0.01, false}}) {
    const Points points =
        draw_losses(runs_of_six(), chinchilla_law(), simulated_truth(), planted, 1, 0);
    const LossNoise found = noise_around(points, fitted_to(points));
    CHECK(found.point == Approx(planted.point).epsilon(0.15));
    CHECK(found.run == Approx(planted.run).epsilon(0.2));
    CHECK_FALSE(found.laplace);
  }
}

TEST_CASE("The noise of points that are runs of their own is all theirs") {
  Points points = runs_of_six();
  for (Point& each : points) each.cluster = -1;
  for (const bool laplace : {false, true}) {
    const Points noisy =
        draw_losses(points, chinchilla_law(), simulated_truth(), {0.01, 0, laplace}, 1, 0);
    const LossNoise found = noise_around(noisy, fitted_to(noisy));
    CHECK(found.point == Approx(0.01).epsilon(0.1));
    CHECK(found.run == 0);
    CHECK(found.laplace == laplace);
  }
}

TEST_CASE("Bad settings of a simulation are named with their bounds") {
  SimulationOptions options;
  options.noise = {-0.1, 1, false};
  options.sweeps = 0;
  options.flops = {-1};
  const std::vector<std::string> found = problems(options);
  REQUIRE(found.size() == 4);
  CHECK_THAT(found[0], has_text("noise.point = -0.1"));
  CHECK_THAT(found[1], has_text("noise.run = 1"));
  CHECK_THAT(found[2], has_text("sweeps = 0"));
  CHECK_THAT(found[3], has_text("flops = -1"));
  CHECK_THROWS_AS(simulate(design(), chinchilla_law(), simulated_truth(), options),
                  std::invalid_argument);
  Points few = design();
  few.resize(3);
  CHECK_THROWS_AS(simulate(few, chinchilla_law(), simulated_truth(), least_squares(2, 0)),
                  std::invalid_argument);
  CHECK_THROWS_AS(simulate({}, chinchilla_law(), simulated_truth(), least_squares(2, 0)),
                  std::invalid_argument);
}
