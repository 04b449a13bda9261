#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "fit/laws/laws.h"
#include "fit/solve/core.h"
#include "fit/solve/parallel.h"

namespace crosslaw::fit {
namespace {

constexpr std::array<std::string_view, 3> kInherited = {"E", "A", "alpha"};

// Where the coefficients of either half stand in law "joint".
constexpr std::array kScratchHalf = {0, 1, 2, 3, 4};
constexpr std::array kContinuedHalf = {0, 1, 2, 5, 6, 7};

// A theta of the extended law with E, A and alpha of a chinchilla theta, both plain; the rest of
// `other`.
Theta inherit(const Theta& chinchilla, const Theta& other) {
  Theta out = other;
  out.head(3) = chinchilla.head(3);
  return out;
}

// Both halves in the coordinates of law "joint".
Theta join(const Theta& scratch, const Theta& continued) {
  Theta out(joint_law().size());
  out << scratch, continued.tail(3);
  return out;
}

// Draws of which both stages converged; the others are emptied in both, so that rows stay paired.
void pair_up(std::vector<Draw>& scratch, std::vector<Draw>& continued) {
  for (std::size_t d = 0; d < scratch.size(); ++d) {
    if (scratch[d] && continued[d]) continue;
    scratch[d].reset();
    continued[d].reset();
  }
}

// The worse of both stages, and what adds up.
Certificate combine(const Certificate& a, int a_points, const Certificate& b, int b_points) {
  const double share = static_cast<double>(a_points) / (a_points + b_points);
  Certificate out;
  out.gradient_norm = std::max(a.gradient_norm, b.gradient_norm);
  out.gradient_scale = std::min(a.gradient_scale, b.gradient_scale);
  out.starts = a.starts;
  out.starts_at_best = std::min(a.starts_at_best, b.starts_at_best);
  out.starts_unfinished = std::max(a.starts_unfinished, b.starts_unfinished);
  out.points_searched = a.points_searched + b.points_searched;
  out.condition = std::max(a.condition, b.condition);
  out.quadratic_share = share * a.quadratic_share + (1 - share) * b.quadratic_share;
  out.rms_log_residual = std::sqrt(share * a.rms_log_residual * a.rms_log_residual +
                                   (1 - share) * b.rms_log_residual * b.rms_log_residual);
  out.at_bound = a.at_bound;
  for (const std::string& each : b.at_bound) out.at_bound.push_back("continued " + each);
  return out;
}

FitResult combine(FitResult scratch, FitResult continued) {
  FitResult out;
  out.law = &joint_law();
  out.method = kTwoStageLaw;
  out.points = scratch.points + continued.points;
  out.huber_delta = scratch.huber_delta;
  out.objective = scratch.objective + continued.objective;
  out.converged = scratch.converged && continued.converged;
  out.identifiable = scratch.identifiable && continued.identifiable;
  out.theta = join(scratch.theta, continued.theta);
  out.coefficients = scratch.coefficients;
  for (std::size_t i = 3; i < 6; ++i) {
    out.coefficients.push_back(continued.coefficients[i]);
    out.coefficients.back().name = out.law->coefficients[i + 2].name;
  }
  out.certificate =
      combine(scratch.certificate, scratch.points, continued.certificate, continued.points);
  out.bootstrap = continued.bootstrap;
  for (const auto& [part, which] : {std::pair(&scratch, "scratch"), {&continued, "continued"}}) {
    for (const std::string& each : part->problems) {
      out.problems.push_back(fmt::format("{} stage: {}", which, each));
    }
  }
  out.draws.resize(scratch.draws.rows(), out.law->size());
  for (Eigen::Index r = 0; r < out.draws.rows(); ++r) {
    out.draws.row(r) = join(scratch.draws.row(r), continued.draws.row(r)).transpose();
  }
  out.stages = {std::move(scratch), std::move(continued)};
  return out;
}

template <std::size_t kSize>
FitResult half(const FitResult& joint, const Law& law, const std::array<int, kSize>& which) {
  FitResult out = joint;
  out.law = &law;
  out.stages.clear();
  out.coefficients.clear();
  out.theta.resize(kSize);
  out.draws.resize(joint.draws.rows(), kSize);
  for (std::size_t i = 0; i < kSize; ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    out.coefficients.push_back(joint.coefficients[static_cast<std::size_t>(which[i])]);
    out.coefficients.back().name = law.coefficients[i].name;
    out.theta[at] = joint.theta[which[i]];
    out.draws.col(at) = joint.draws.col(which[i]);
  }
  out.identifiable = std::all_of(out.coefficients.begin(), out.coefficients.end(),
                                 [](const Coefficient& each) { return each.identifiable; });
  return out;
}

// A stage counts N and C as the whole fit does.
FitResult stage_of(const FitResult& joint, std::size_t stage) {
  FitResult out = joint.stages[stage];
  out.convention = joint.convention;
  out.compute = joint.compute;
  return out;
}

void require_joint_law(const FitResult& fit) {
  if (fit.law == &joint_law()) return;
  throw std::invalid_argument(fmt::format(
      "a fit of law '{}' has no scratch and continued part; law 'joint' has", fit.law->name));
}

}  // namespace

FitResult fit_two_stage(const Points& points, const FitOptions& options) {
  require_usable(points, options);
  const Points scratch_points = select_stage(points, Stage::kScratch);
  const Points continued_points = select_stage(points, Stage::kContinued);
  if (scratch_points.empty() || continued_points.empty()) {
    throw std::invalid_argument(
        fmt::format("a two-stage fit needs scratch and continued points; "
                    "there are {} and {}",
                    scratch_points.size(), continued_points.size()));
  }
  Problem first = make_problem(chinchilla_law(), scratch_points, options.huber_delta);
  require_enough(first, "scratch ");
  Core scratch = fit_core(std::move(first), Theta::Zero(5), options);
  scratch.index = indices_of(points, Stage::kScratch);
  Problem second = make_problem(extended_law(), continued_points, options.huber_delta);
  freeze(second, kInherited);
  require_enough(second, "continued ");
  const Theta fixed = second.centred(inherit(scratch.result.theta, Theta::Zero(6)));
  Core continued = fit_core(std::move(second), fixed, options);
  continued.index = indices_of(points, Stage::kContinued);
  scratch.result.coverage = coverage(scratch_points);
  continued.result.coverage = coverage(continued_points);
  if (options.draws > 0) {
    const Resampler resampler(points, options.resampling, options.seed);
    std::vector<Draw> one(static_cast<std::size_t>(options.draws));
    std::vector<Draw> two(one.size());
    parallel_for(options.draws, options.threads, [&](int d) {
      const auto at = static_cast<std::size_t>(d);
      const Resample world = resampler.draw(d);
      one[at] = refit(scratch, world, scratch.centred);
      if (!one[at]) return;
      const Theta inherited =
          inherit(scratch.problem.plain(*one[at]), continued.problem.plain(continued.centred));
      two[at] = refit(continued, world, continued.problem.centred(inherited));
    });
    pair_up(one, two);
    take_draws(scratch, one, options, scratch.result);
    take_draws(continued, two, options, continued.result);
  }
  FitResult result = combine(scratch.result, continued.result);
  result.coverage = coverage(points);
  result.compute = fit_compute(points);
  return result;
}

FitResult scratch_part(const FitResult& joint) {
  require_joint_law(joint);
  if (!joint.stages.empty()) return stage_of(joint, 0);
  return half(joint, chinchilla_law(), kScratchHalf);
}

FitResult continued_part(const FitResult& joint) {
  require_joint_law(joint);
  if (!joint.stages.empty()) return stage_of(joint, 1);
  return half(joint, extended_law(), kContinuedHalf);
}

}  // namespace crosslaw::fit
