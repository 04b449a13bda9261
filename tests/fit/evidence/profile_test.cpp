#include "fit/evidence/profile.h"

#include <ceres/ceres.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "fit/allocate/best_split.h"
#include "fit/evidence/profile_walk.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"
#include "fit/solve/fitter.h"
#include "fit/solve/spread.h"
#include "fit/solve/strategies.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

FitOptions profile_fit(const char* law, double delta = 1e-3) {
  FitOptions options;
  options.law = law;
  options.huber_delta = delta;
  options.draws = 0;
  options.starts = 16;
  return options;
}

const Profile& named(const std::vector<Profile>& profiles, const std::string& name) {
  const auto found = std::find_if(profiles.begin(), profiles.end(),
                                  [&](const Profile& each) { return each.name == name; });
  REQUIRE(found != profiles.end());
  return *found;
}

// The extended law written down a second time, in plain coordinates and with Ceres's derivatives.
// With a size given, A is what makes that size the optimum at the budget; or B, where A is frozen.
struct PlainResidual {
  Point point;
  double held_params;  // N*, or 0
  double flops;
  bool size_frozen;
  ComputeModel compute;

  template <class T>
  bool operator()(const T* e, const T* a, const T* alpha, const T* b, const T* beta, const T* gamma,
                  T* residual) const {
    using std::exp;
    using std::log;
    const double x = std::log(point.params);
    const double y = std::log(point.tokens);
    T log_a = a[0];
    T log_b = b[0];
    if (held_params > 0) {
      const double n = std::log(held_params);
      const double d = std::log(flops) - compute.log_flops_per_token(n);
      const T difference = log((compute.exponent * beta[0] - gamma[0]) / alpha[0]) - beta[0] * d -
                           gamma[0] * n + alpha[0] * n;  // of log A and log B
      if (size_frozen) {
        log_b = log_a - difference;
      } else {
        log_a = log_b + difference;
      }
    }
    residual[0] =
        log(exp(e[0]) + exp(log_a - alpha[0] * x) + exp(log_b - beta[0] * y - gamma[0] * x)) -
        std::log(point.loss);
    return true;
  }
};

// The least objective with one coordinate (order E, A, alpha, B, beta, gamma; -1: none) held, or
// with the optimum at `flops` held at `params`.
double by_ceres(const Points& points, const FitResult& fit, int held, double value,
                double params = 0, double flops = 0) {
  const bool frozen = fit.coefficient("A").frozen;
  std::array<double, 6> theta{};
  for (int i = 0; i < fit.law->size(); ++i) theta[static_cast<std::size_t>(i)] = fit.theta[i];
  ceres::Problem problem;
  for (const Point& point : points) {
    auto* cost = new ceres::AutoDiffCostFunction<PlainResidual, 1, 1, 1, 1, 1, 1, 1>(
        new PlainResidual{point, params, flops, frozen, fit.compute_model()});
    problem.AddResidualBlock(cost, new ceres::HuberLoss(fit.huber_delta), &theta[0], &theta[1],
                             &theta[2], &theta[3], &theta[4], &theta[5]);
  }
  if (held >= 0) {
    theta[static_cast<std::size_t>(held)] = value;
    problem.SetParameterBlockConstant(&theta[static_cast<std::size_t>(held)]);
  }
  if (params > 0) problem.SetParameterBlockConstant(frozen ? &theta[3] : &theta[1]);
  for (std::size_t i = 0; i < 3 && frozen; ++i) problem.SetParameterBlockConstant(&theta[i]);
  if (fit.law->size() == 5) problem.SetParameterBlockConstant(&theta[5]);
  ceres::Solver::Options options;
  options.max_num_iterations = 3000;
  options.function_tolerance = 1e-13;
  options.parameter_tolerance = 1e-14;
  options.gradient_tolerance = 1e-16;
  options.linear_solver_type = ceres::DENSE_QR;
  options.logging_type = ceres::SILENT;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &problem, &summary);
  return summary.final_cost;
}

// Ceres stops a little early among the kinks: never below, and hardly above.
void check_least(double ours, double theirs) {
  CHECK(ours <= theirs * (1 + 1e-6));
  CHECK(ours >= theirs * (1 - 1e-3));
}

}  // namespace

TEST_CASE("A profile is the least objective with the coefficient held as users read it") {
  for (const char* law : {"chinchilla", "extended"}) {
    const Points points = reference_points("chinchilla_epoch_240");
    const FitResult fit = fit_law(points, profile_fit(law));
    const std::vector<Profile> profiles = profile_coefficients(points, fit, 0);
    REQUIRE(profiles.size() == static_cast<std::size_t>(fit.law->size()));
    for (int i = 0; i < fit.law->size(); ++i) {
      const Profile& profile = profiles[static_cast<std::size_t>(i)];
      const bool exponent =
          fit.law->coefficients[static_cast<std::size_t>(i)].kind == Kind::kExponent;
      CHECK(profile.values.size() == 41);
      CHECK(std::is_sorted(profile.values.begin(), profile.values.end()));
      for (const std::size_t k : {std::size_t{2}, std::size_t{12}, std::size_t{38}}) {
        INFO(law << " " << profile.name << " = " << profile.values[k]);
        const double value = profile.values[k];
        check_least(profile.objective[k],
                    by_ceres(points, fit, i, exponent ? value : std::log(value)));
      }
    }
  }
}

TEST_CASE("The interval is where the objective stays below its limit") {
  const Points points = reference_points("gadre_rpj_c4val");
  const FitResult fit = fit_law(points, profile_fit("chinchilla"));
  for (const Profile& each : crosslaw::tests::some(profile_coefficients(points, fit, 0))) {
    REQUIRE(each.low);
    REQUIRE(each.high);
    CHECK(*each.low < each.value);
    CHECK(each.value < *each.high);
    for (std::size_t k = 0; k < each.values.size(); ++k) {
      INFO(each.name << " = " << each.values[k]);
      const bool inside = each.values[k] > *each.low && each.values[k] < *each.high;
      CHECK((each.objective[k] <= each.limit * (1 + 1e-6)) == inside);
      CHECK(each.objective[k] >= fit.objective * (1 - 1e-9));
    }
  }
}

TEST_CASE("The profile of N* is the least objective with the optimum held") {
  const double flops = 5.76e23;
  for (const char* law : {"chinchilla", "extended"}) {
    const Points points = reference_points("chinchilla_epoch_240");
    const FitResult fit = fit_law(points, profile_fit(law));
    const std::vector<Profile> found = profile_params(points, fit, flops, 0);
    REQUIRE(found.size() == 1);
    const Profile* profile = &found.front();
    CHECK(profile->name == "N*");
    CHECK(profile->value ==
          Approx(optimum(*power_form(*fit.law, fit.theta), flops)->params).epsilon(1e-12));
    CHECK(profile->values.size() == 41);
    CHECK(profile->objective[20] == Approx(fit.objective).epsilon(1e-12));
    for (const std::size_t k :
         {std::size_t{0}, std::size_t{10}, std::size_t{25}, std::size_t{40}}) {
      INFO(law << " N* = " << profile->values[k]);
      check_least(profile->objective[k], by_ceres(points, fit, -1, 0, profile->values[k], flops));
    }
  }
}

TEST_CASE("The profile of N* goes by the compute that the fit counts") {
  constexpr double kBudget = 1e20;
  const ComputeModel counted{40, 0.93, 0, true};
  Points points =
      sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 8, {2, 10, 20, 40, 80}, 0.004, 9);
  for (Point& each : points) each.flops = counted.flops_per_token(each.params) * each.tokens;
  for (const char* law : {"chinchilla", "extended"}) {
    INFO(law);
    const FitResult fit = fit_law(points, profile_fit(law));
    const std::vector<Profile> found = profile_params(points, fit, kBudget, 0);
    REQUIRE(found.size() == 1);
    const Profile& profile = found.front();
    CHECK(profile.value ==
          Approx(best_split(*fit.law, fit.theta, {kBudget, counted, {}})->params).epsilon(1e-6));
    // What C = 6ND would answer is far outside.
    const double six_nd = best_split(*fit.law, fit.theta, {kBudget, {}, {}})->params;
    CHECK(six_nd > 1.05 * profile.value);
    REQUIRE(profile.low);
    REQUIRE(profile.high);
    CHECK(*profile.low < profile.value);
    CHECK(profile.value < *profile.high);
    for (const std::size_t k : {std::size_t{1}, std::size_t{8}, std::size_t{30}}) {
      INFO("N* = " << profile.values[k]);
      check_least(profile.objective[k], by_ceres(points, fit, -1, 0, profile.values[k], kBudget));
    }
    // The ends by brute force: refits with N* held there reach the limit.
    for (const double end : {*profile.low, *profile.high}) {
      CHECK(by_ceres(points, fit, -1, 0, end, kBudget) == Approx(profile.limit).epsilon(1e-3));
    }
  }
}

TEST_CASE("With least squares and little noise the interval is 1.96 standard errors wide") {
  const double inf = std::numeric_limits<double>::infinity();
  const Points points =
      sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 20, {2, 5, 10, 20, 40}, 0.002, 5);
  FitOptions options = profile_fit("chinchilla", inf);
  options.draws = 1000;
  options.resampling = Resampling::kParametric;
  const FitResult fit = fit_law(points, options);
  for (const Profile& each : crosslaw::tests::some(profile_coefficients(points, fit, 0))) {
    INFO(each.name);
    CHECK(*each.high - *each.low ==
          Approx(2 * 1.96 * *fit.coefficient(each.name).se).epsilon(0.12));
  }
  std::vector<std::optional<double>> sizes;
  for (Eigen::Index d = 0; d < fit.draws.rows(); ++d) {
    sizes.push_back(
        std::log(optimum(*power_form(*fit.law, fit.draws.row(d).transpose()), 1e22)->params));
  }
  const std::vector<Profile> found = profile_params(points, fit, 1e22, 0);
  REQUIRE(found.size() == 1);
  const Profile* params = &found.front();
  CHECK(std::log(*params->high / *params->low) ==
        Approx(2 * 1.96 * *summarise(std::nullopt, sizes).se).epsilon(0.12));
}

TEST_CASE("Profile intervals hold the planted truth about 19 times in 20") {
  constexpr int kWorlds = 100;
  int alpha = 0, size = 0;
  const FitResult truth = from_values(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta});
  const double best = optimum(*power_form(*truth.law, truth.theta), 1e22)->params;
  for (int world = 0; world < kWorlds; ++world) {
    const Points points = sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 8, {2, 10, 40},
                                0.003, 100 + static_cast<unsigned>(world));
    FitOptions options = profile_fit("chinchilla");
    options.starts = 4;
    const FitResult fit = fit_law(points, options);
    const std::vector<Profile> profiles = profile_coefficients(points, fit, 0);
    const Profile& exponent = named(profiles, "alpha");
    alpha += *exponent.low <= kAlpha && kAlpha <= *exponent.high ? 1 : 0;
    const std::vector<Profile> found = profile_params(points, fit, 1e22, 0);
    REQUIRE(found.size() == 1);
    const Profile* params = &found.front();
    size += *params->low <= best && best <= *params->high ? 1 : 0;
  }
  INFO("alpha " << alpha << ", N* " << size << " of " << kWorlds);
  CHECK(alpha >= 88);
  CHECK(size >= 88);
  CHECK(alpha + size < 2 * kWorlds);
}

TEST_CASE("A side on which the data set no limit is open") {
  const Points points = reference_points("cerebras_7");
  const FitResult fit = fit_law(points, profile_fit("chinchilla"));
  const std::vector<Profile> profiles = profile_coefficients(points, fit, 0);
  CHECK_FALSE(named(profiles, "E").low);
  CHECK(named(profiles, "E").high);
  CHECK_FALSE(named(profiles, "beta").high);
  for (const Profile& each : crosslaw::tests::some(profiles)) {
    for (const double value : crosslaw::tests::some(each.values)) CHECK(std::isfinite(value));
  }
}

TEST_CASE("Two-stage fits are profiled in what each stage fits") {
  const Points points = two_strategies(0.004);
  const FitResult both = fit_two_stage(points, profile_fit("two-stage"));
  const std::vector<Profile> profiles = profile_coefficients(points, both, 0);
  REQUIRE(profiles.size() == 8);
  CHECK(profiles[5].name == "B_continued");
  CHECK(profiles[7].name == "gamma");
  const Points scratch = select_stage(points, Stage::kScratch);
  const std::vector<Profile> alone =
      profile_coefficients(scratch, fit_law(scratch, profile_fit("chinchilla")), 0);
  CHECK(*profiles[2].low == Approx(*alone[2].low).epsilon(1e-4));
  CHECK(*profiles[7].low < both.value("gamma"));
  const Points continued = select_stage(points, Stage::kContinued);
  const FitResult part = strategy_fit(both, "continued");
  const std::vector<Profile> of_params = profile_params(points, both, 1e21, 0);
  REQUIRE(of_params.size() == 2);
  CHECK(of_params[0].name == "scratch N*");
  CHECK(of_params[1].name == "continued N*");
  const Profile* params = &of_params[1];
  CHECK(*params->low < params->value);
  CHECK(params->value < *params->high);
  for (const std::size_t k : {std::size_t{3}, std::size_t{38}}) {
    check_least(params->objective[k], by_ceres(continued, part, -1, 0, params->values[k], 1e21));
    check_least(profiles[7].objective[k], by_ceres(continued, part, 5, profiles[7].values[k]));
    check_least(profiles[5].objective[k],
                by_ceres(continued, part, 3, std::log(profiles[5].values[k])));
  }
}

TEST_CASE("Profiles do not depend on the number of threads") {
  const Points points = reference_points("gadre_rpj_c4val");
  const FitResult fit = fit_law(points, profile_fit("extended"));
  const std::vector<Profile> one = profile_coefficients(points, fit, 1);
  const std::vector<Profile> many = profile_coefficients(points, fit, 5);
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].values == many[i].values);
    CHECK(one[i].objective == many[i].objective);
  }
}

TEST_CASE("There is no profile of what a fit does not have") {
  const Points points = two_strategies(0.004);
  const FitResult joint = fit_law(points, profile_fit("joint"));
  CHECK(profile_params(points, joint, 1e21, 0).empty());
  CHECK(profile_coefficients(points, joint, 0).size() == 8);
  CHECK_THROWS_AS(profile_coefficients({points.begin(), points.end() - 1}, joint, 0),
                  std::invalid_argument);
  const Points scratch = select_stage(points, Stage::kScratch);
  const FitResult fit = fit_law(scratch, profile_fit("chinchilla"));
  CHECK(profile_params(scratch, fit, 0, 0).empty());
  FitResult no_optimum = fit;
  no_optimum.theta[2] = -0.1;
  CHECK(profile_params(scratch, no_optimum, 1e21, 0).empty());
}

TEST_CASE("The limit of many degrees of freedom is that of chi-square, and of none infinite") {
  CHECK(profile_limit(2, 0.5, 1000000) == Approx(2 + 0.25 * 3.8415).epsilon(1e-4));
  CHECK(std::isinf(profile_limit(2, 0.5, 0)));
}
