#include "fit/allocate/next_runs.h"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <stdexcept>

#include "fit/allocate/best_split.h"
#include "fit/allocate/simulation.h"
#include "fit/laws/law_parts.h"
#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

constexpr double kNoise = 0.003;
constexpr double kTargetFlops = 1e23;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::vector<double> kValues = {kE, kA, kAlpha, kB, kBeta};

using Answer = std::function<double(const Theta&)>;  // of plain theta

Points present() { return sweep(chinchilla_law(), kValues, 5, {8, 20, 50}, kNoise); }

FitResult fitted(const Points& points, const std::string& law = "chinchilla") {
  return fit_law(points, {.law = law, .huber_delta = kInfinity, .starts = 8, .draws = 0});
}

// Hoffmann et al. 2022, Eq. 4, in logs.
double log_best_params(const Theta& t) {
  return (std::log(t[2] / t[4]) + t[1] - t[3] + t[4] * std::log(kTargetFlops / 6)) / (t[2] + t[4]);
}

double log_least_loss(const Theta& t) {
  const double params = std::exp(log_best_params(t));
  return std::log(predicted_loss(chinchilla_law(), t, params, kTargetFlops / 6 / params));
}

// Central differences with a step that is not the one of the product.
Eigen::VectorXd slope(const Theta& at, const Answer& answer) {
  constexpr double kStep = 2e-4;
  Eigen::VectorXd out(at.size());
  for (int i = 0; i < at.size(); ++i) {
    Theta up = at, down = at;
    up[i] += kStep;
    down[i] -= kStep;
    out[i] = (answer(up) - answer(down)) / (2 * kStep);
  }
  return out;
}

// The information of points about plain theta, by finite differences of the predicted loss.
Eigen::MatrixXd information(const Law& law, const Theta& at, const Points& points) {
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(at.size(), at.size());
  for (const Point& p : points) {
    const Eigen::VectorXd g = slope(at, [&](const Theta& theta) {
      return std::log(predicted_loss(law, theta, p.params, p.tokens, p.stage));
    });
    out += g * g.transpose();
  }
  return out;
}

// Least squares: s^2 is the residual variance.
double residual_deviation(const Points& points, const FitResult& fit) {
  double squares = 0;
  for (const Point& p : points) {
    const double predicted = predicted_loss(*fit.law, fit.theta, p.params, p.tokens, p.stage);
    squares += std::pow(std::log(predicted / p.loss), 2);
  }
  return std::sqrt(squares / static_cast<double>(points.size() - fit.theta.size()));
}

double brute_error(const Points& points, const FitResult& fit, const Points& design,
                   const Answer& answer) {
  const Eigen::VectorXd c = slope(fit.theta, answer);
  const Eigen::MatrixXd covariance = information(*fit.law, fit.theta, design).inverse();
  return residual_deviation(points, fit) * std::sqrt(c.dot(covariance * c));
}

Points with_runs(Points points, const std::vector<CandidateRun>& runs) {
  for (const CandidateRun& run : runs) {
    Point point;
    point.params = run.params;
    point.tokens = run.tokens;
    point.loss = 1;
    point.stage = run.stage;
    points.push_back(point);
  }
  return points;
}

std::vector<CandidateRun> chosen(const NextRuns& next) {
  std::vector<CandidateRun> out;
  for (const NextRun& each : next.runs) out.push_back(each.run);
  return out;
}

std::vector<CandidateRun> grid(const std::vector<double>& sizes, const std::vector<double>& ratios,
                               Stage stage = Stage::kScratch) {
  std::vector<CandidateRun> out;
  for (const double params : sizes) {
    for (const double ratio : ratios) {
      out.push_back({"", params, ratio * params, 6 * params * params * ratio, stage});
    }
  }
  return out;
}

NextRunsOptions asking(const std::string& target, double budget, int most = 20) {
  return {target, kTargetFlops, budget, most};
}

// The least error of all subsets that the options allow.
double best_of_subsets(const Points& points, const FitResult& fit,
                       const std::vector<CandidateRun>& candidates, const NextRunsOptions& options,
                       const Answer& answer) {
  double best = kInfinity;
  for (unsigned set = 1; set < (1u << candidates.size()); ++set) {
    std::vector<CandidateRun> runs;
    double flops = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!(set >> i & 1u)) continue;
      runs.push_back(candidates[i]);
      flops += candidates[i].flops;
    }
    if (flops > options.budget_flops || static_cast<int>(runs.size()) > options.most_runs) continue;
    best = std::min(best, brute_error(points, fit, with_runs(points, runs), answer));
  }
  return best;
}

}  // namespace

TEST_CASE("Errors before and after are those of the plain inverse") {
  const Points points = present();
  const FitResult fit = fitted(points);
  const std::vector<std::pair<std::string, Answer>> targets = {
      {"N*", log_best_params},
      {"loss", log_least_loss},
      {"alpha", [](const Theta& t) { return t[2]; }},
      {"B", [](const Theta& t) { return t[3]; }}};
  for (const auto& [name, answer] : targets) {
    INFO(name);
    const NextRuns next = choose_next_runs(points, fit, grid({1e7, 1e9, 3e10}, {2, 20, 200, 1000}),
                                           asking(name, 1e22));
    CHECK(next.relative == (name != "alpha"));
    const double value = next.relative ? std::exp(answer(fit.theta)) : answer(fit.theta);
    CHECK(next.value.value() == Approx(value).epsilon(1e-6));
    CHECK(next.noise == Approx(residual_deviation(points, fit)).epsilon(1e-9));
    CHECK(next.se_now == Approx(brute_error(points, fit, points, answer)).epsilon(1e-3));
    REQUIRE(next.runs.size() > 1);
    std::vector<CandidateRun> so_far;
    for (const NextRun& each : crosslaw::tests::some(next.runs)) {
      so_far.push_back(each.run);
      CHECK(each.se_after ==
            Approx(brute_error(points, fit, with_runs(points, so_far), answer)).epsilon(1e-3));
    }
    CHECK(next.se_after == next.runs.back().se_after);
  }
}

TEST_CASE("Few candidates are chosen as well as any subset could be") {
  const Points points = present();
  const FitResult fit = fitted(points);
  const std::vector<CandidateRun> candidates =
      grid({3e7, 3e8, 3e9}, {1, 15, 300});  // 5.4e15 to 1.6e22 FLOPs
  for (const double budget : {2e18, 3e20, 2e22}) {
    for (const int most : {2, 4, 20}) {
      INFO(budget << " FLOPs, at most " << most << " runs");
      const NextRunsOptions options = asking("N*", budget, most);
      const NextRuns next = choose_next_runs(points, fit, candidates, options);
      const double best = best_of_subsets(points, fit, candidates, options, log_best_params);
      CHECK(next.se_after >= best * (1 - 1e-3));
      CHECK(next.se_after <= best * 1.0125);  // 1 % is given up for a shorter list
    }
  }
}

TEST_CASE("Simulated sweeps scatter as predicted, before and after") {
  const Points points = present();
  const FitResult fit = fitted(points);
  const std::vector<CandidateRun> candidates = grid({1e7, 1e8, 1e9, 1e10}, {1, 5, 100, 400});
  for (const char* target : {"N*", "loss", "beta"}) {
    INFO(target);
    const NextRuns next = choose_next_runs(points, fit, candidates, asking(target, 1e22));
    SimulationOptions options;
    options.fit = {.huber_delta = kInfinity, .starts = 4, .draws = 0};
    options.noise = {next.noise, 0, false};
    options.sweeps = 400;
    options.flops = {kTargetFlops};
    const auto simulated = [&](const Points& design) {
      for (const Outlook& each : simulate(design, *fit.law, fit.theta, options).outlooks) {
        if (each.name == target) {
          return each.deviation.value() / (next.relative ? each.truth.value() : 1);
        }
      }
      return std::nan("");
    };
    CHECK(simulated(points) == Approx(next.se_now).epsilon(0.15));
    CHECK(simulated(with_runs(points, chosen(next))) == Approx(next.se_after).epsilon(0.15));
    CHECK(next.se_after < 0.8 * next.se_now);
  }
}

TEST_CASE("A two-stage fit scatters as predicted, before and after, more than law joint would") {
  const Points points = two_strategies(kNoise);
  const FitResult fit = fitted(points, std::string(kTwoStageLaw));
  std::vector<CandidateRun> candidates = grid({1e7, 1e10}, {1, 300});
  const std::vector<CandidateRun> continued = grid({1e7, 1e10}, {1, 300}, Stage::kContinued);
  candidates.insert(candidates.end(), continued.begin(), continued.end());
  const NextRuns next = choose_next_runs(points, fit, candidates, asking("loss", 1e24));
  FitResult joint = fit;
  joint.method = "one-stage";
  CHECK(next.se_now >
        1.2 * choose_next_runs(points, joint, candidates, asking("loss", 1e24)).se_now);
  SimulationOptions options;
  options.fit = {.law = std::string(kTwoStageLaw), .huber_delta = kInfinity, .starts = 2};
  options.fit.draws = 0;
  options.noise = {next.noise, 0, false};
  options.flops = {kTargetFlops};
  const auto simulated = [&](const Points& design) {
    for (const Outlook& each : simulate(design, *fit.law, fit.theta, options).outlooks) {
      if (each.name == "continued loss") return each.deviation.value() / each.truth.value();
    }
    return std::nan("");
  };
  CHECK(simulated(points) == Approx(next.se_now).epsilon(0.15));
  CHECK(simulated(with_runs(points, chosen(next))) == Approx(next.se_after).epsilon(0.15));
}

TEST_CASE("The few residuals that a fit goes through do not make it look sharper") {
  // Delta far below the noise: five of 15 residuals are 0.
  const Points points = present();
  const FitResult fit = fit_law(points, {.huber_delta = 1e-3 * kNoise, .starts = 8, .draws = 0});
  const NextRuns next = choose_next_runs(points, fit, grid({1e7}, {2}), asking("loss", 1e22));
  CHECK(next.noise > 0.5 * kNoise);
  CHECK(next.noise < 2 * kNoise);
}

TEST_CASE("Runs on one line of D/N are joined by runs off it") {
  const Points points = sweep(chinchilla_law(), kValues, 8, {20}, kNoise);
  FitResult fit = from_values(chinchilla_law(), kValues);  // such points fit no N* of their own
  fit.huber_delta = kInfinity;
  const std::vector<CandidateRun> candidates = grid({1e7, 1e8, 1e9}, {2, 20, 200});
  const NextRuns next = choose_next_runs(points, fit, candidates, asking("N*", 1e22));
  CHECK(next.se_now > 1);
  CHECK(next.se_after < 0.2 * next.se_now);
  REQUIRE_FALSE(next.runs.empty());
  CHECK(next.runs.front().run.tokens != Approx(20 * next.runs.front().run.params));
}

TEST_CASE("Runs of a single size know nothing of N*, and others come to help") {
  Points points;
  for (const Point& each : sweep(chinchilla_law(), kValues, 2, {1, 3, 10, 30, 100, 300}, kNoise)) {
    if (each.params < 2e7) points.push_back(each);
  }
  FitResult fit = from_values(chinchilla_law(), kValues);
  fit.huber_delta = kInfinity;
  const NextRuns next =
      choose_next_runs(points, fit, grid({1e7, 1e8, 1e9, 1e10}, {2, 200}), asking("N*", 1e23));
  CHECK(std::isinf(next.se_now));
  CHECK(std::isfinite(next.se_after));
  for (const NextRun& each : crosslaw::tests::some(next.runs)) CHECK(each.run.params > 1e7);
}

TEST_CASE("The budget, the number of runs and every candidate's uniqueness are respected") {
  const Points points = present();
  const FitResult fit = fitted(points);
  const std::vector<CandidateRun> candidates =
      grid({1e7, 3e7, 1e8, 3e8, 1e9, 3e9}, {1, 3, 10, 30, 100});
  for (const double budget : {1e17, 1e19, 1e21}) {
    const NextRuns next = choose_next_runs(points, fit, candidates, asking("N*", budget, 6));
    double spent = 0, before = next.se_now;
    std::set<std::pair<double, double>> seen;
    for (const NextRun& each : crosslaw::tests::some(next.runs)) {
      spent += each.run.flops;
      CHECK(seen.insert({each.run.params, each.run.tokens}).second);
      CHECK(each.se_after < before);
      before = each.se_after;
    }
    CHECK(next.runs.size() <= 6);
    CHECK(spent <= budget);
    CHECK(next.spent_flops == Approx(spent));
  }
}

TEST_CASE("More compute never makes an answer less sharp, beyond the 1 % of a shorter list") {
  const Points points = present();
  const FitResult fit = fitted(points);
  const std::vector<CandidateRun> candidates = grid({1e7, 1e8, 1e9, 1e10}, {1, 10, 100});
  double before = kInfinity;
  for (const double budget : {1e18, 1e19, 1e20, 1e21, 1e22}) {
    const double now = choose_next_runs(points, fit, candidates, asking("N*", budget)).se_after;
    CHECK(now <= 1.0125 * before);
    before = now;
  }
}

TEST_CASE("N* of a joint fit is that of the continued runs, unless scratch is asked for") {
  const Points points = two_strategies(kNoise);
  const FitResult fit = fitted(points, "joint");
  std::vector<CandidateRun> candidates = grid({1e7, 1e10}, {1, 300});
  const std::vector<CandidateRun> continued = grid({1e7, 1e10}, {1, 300}, Stage::kContinued);
  candidates.insert(candidates.end(), continued.begin(), continued.end());
  for (const Stage stage : {Stage::kScratch, Stage::kContinued}) {
    const LawPart part = part_at(joint_law(), stage);
    const Answer answer = [&part](const Theta& theta) {
      const Budget budget{kTargetFlops, {}, {}};
      return std::log(best_split(*part.law, part_theta(part, theta), budget).value().params);
    };
    const NextRuns next = choose_next_runs(
        points, fit, candidates, asking(stage == Stage::kScratch ? "scratch N*" : "N*", 1e23));
    CHECK(next.se_now == Approx(brute_error(points, fit, points, answer)).epsilon(1e-3));
    const Points more = with_runs(points, chosen(next));
    CHECK(next.se_after == Approx(brute_error(points, fit, more, answer)).epsilon(1e-3));
    CHECK_FALSE(next.runs.empty());
  }
}

TEST_CASE("A law without a closed form has its optimum made sharper as well") {
  const std::vector<double> values = {1.69, 20, 0.3, 20, 0.27, 1.1};
  const Points points = sweep(outer_law(), values, 6, {2, 20, 200}, kNoise);
  FitResult fit = from_values(outer_law(), values);
  fit.huber_delta = kInfinity;
  const Answer answer = [](const Theta& theta) {
    return std::log(best_split(outer_law(), theta, {kTargetFlops, {}, {}}).value().params);
  };
  const NextRuns next =
      choose_next_runs(points, fit, grid({1e7, 1e10}, {1, 1000}), asking("N*", 1e23));
  // These coefficients are no fit: what the residuals say of the noise is another matter.
  const double by_inverse = brute_error(points, fit, points, answer);
  CHECK(next.se_now / next.noise ==
        Approx(by_inverse / residual_deviation(points, fit)).epsilon(0.02));
}

TEST_CASE("N* is that of the compute as the fit counts it") {
  const Points points = present();
  FitResult fit = fitted(points);
  fit.compute = ComputeModel{.constant = 12};
  NextRunsOptions options = asking("N*", 1e22);
  options.target_flops = 2 * kTargetFlops;
  const NextRuns next = choose_next_runs(points, fit, grid({1e7, 1e9}, {2, 200}), options);
  CHECK(next.value.value() == Approx(std::exp(log_best_params(fit.theta))).epsilon(1e-6));
}

TEST_CASE("What cannot be chosen is refused with its reason") {
  const Points points = present();
  const FitResult fit = fitted(points);
  const std::vector<CandidateRun> candidates = grid({1e8}, {20});
  const auto refusal = [&](const NextRunsOptions& options, const FitResult& of) -> std::string {
    try {
      choose_next_runs(points, of, candidates, options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK_THAT(refusal(asking("delta", 1e22), fit),
             has_text("target 'delta' is not known") && has_text("N*, D*, loss, E, A, alpha"));
  CHECK_THAT(refusal(asking("my N*", 1e22), fit), has_text("target 'my N*' is not known"));
  CHECK_THAT(refusal(asking("N*", 1e15), fit),
             has_text("no candidate run fits into 1e+15") && has_text("1.2e+18"));
  CHECK_THAT(refusal({"N*", 0, 1e22, 5}, fit), has_text("target_flops = 0"));
  CHECK_THAT(refusal({"alpha", 0, -1, 0}, fit), has_text("budget_flops = -1") &&
                                                    has_text("most_runs = 0") &&
                                                    !has_text("target_flops"));
  const FitResult no_optimum = from_values(chinchilla_law(), {kE, kA, -0.1, kB, kBeta});
  CHECK_THAT(refusal(asking("N*", 1e22), no_optimum), has_text("no compute-optimal size"));
}
