#include <algorithm>
#include <cmath>
#include <memory>

#include "fit/allocate/best_split.h"
#include "fit/evidence/profile.h"
#include "fit/evidence/profile_walk.h"
#include "fit/laws/kernel.h"
#include "fit/laws/power_form.h"
#include "fit/solve/newton.h"
#include "fit/solve/noise_factors.h"
#include "fit/solve/objective.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

// The extended law with the origin of log N and log D at a given optimum. There both terms are
// equally steep along C = F N^phi D, alpha A' = sigma B' = exp(slope) with sigma = phi beta -
// gamma, so one coefficient is fewer: theta = (log E, slope, alpha, sigma, gamma). Samples carry
// log(D)/phi in place of log D: then phi occurs nowhere in here, for beta log D = (sigma + gamma)
// log(D)/phi.
class AtOptimum {
 public:
  static constexpr int kSize = 5;

  explicit AtOptimum(const double* theta)
      : slope_(theta[1]),
        alpha_(theta[2]),
        sigma_(theta[3]),
        gamma_(theta[4]),
        floor_(std::exp(theta[0])) {}

  double log_loss(const Sample& sample, double* gradient) {
    const double x = sample.log_params;
    const double y = sample.log_tokens;
    size_ = std::exp(slope_ - alpha_ * x) / alpha_;
    data_ = std::exp(slope_ - (sigma_ + gamma_) * y - gamma_ * x) / sigma_;
    size_by_alpha_ = -1 / alpha_ - x;
    data_by_sigma_ = -1 / sigma_ - y;
    data_by_gamma_ = -x - y;
    const double loss = floor_ + size_ + data_;
    inverse_ = 1 / loss;
    gradient[0] = floor_ * inverse_;
    gradient[1] = (size_ + data_) * inverse_;
    gradient[2] = size_ * size_by_alpha_ * inverse_;
    gradient[3] = data_ * data_by_sigma_ * inverse_;
    gradient[4] = data_ * data_by_gamma_ * inverse_;
    return std::log(loss);
  }

  void add_curvature(double scale, double* square) const {
    const double per_loss = scale * inverse_;
    const double size = per_loss * size_;
    const double data = per_loss * data_;
    const auto add = [square](int row, int column, double value) {
      square[column * kSize + row] += value;
    };
    add(0, 0, per_loss * floor_);
    add(1, 1, size + data);
    add(2, 1, size * size_by_alpha_);
    add(2, 2, size * (size_by_alpha_ * size_by_alpha_ + 1 / (alpha_ * alpha_)));
    add(3, 1, data * data_by_sigma_);
    add(3, 3, data * (data_by_sigma_ * data_by_sigma_ + 1 / (sigma_ * sigma_)));
    add(4, 1, data * data_by_gamma_);
    add(4, 3, data * data_by_sigma_ * data_by_gamma_);
    add(4, 4, data * data_by_gamma_ * data_by_gamma_);
  }

 private:
  double slope_, alpha_, sigma_, gamma_, floor_;
  double inverse_ = 0, size_ = 0, data_ = 0;
  double size_by_alpha_ = 0, data_by_sigma_ = 0, data_by_gamma_ = 0;
};

const Law& at_optimum_law() {
  constexpr double kSmallest = 1e-4;
  static const Law law{"at optimum",
                       "E + (e^s/alpha) (N/N*)^-alpha + (e^s/sigma) (D/D*)^-beta (N/N*)^-gamma, "
                       "beta = (sigma + gamma)/phi",
                       {{"E", Kind::kFloor, Axis::kNone, -30, 0.5},
                        {"slope", Kind::kLevel, Axis::kNone, -150, 50},
                        {"alpha", Kind::kExponent, Axis::kParams, kSmallest, 28},
                        {"sigma", Kind::kExponent, Axis::kTokens, kSmallest, 38},
                        {kCrossExponent, Kind::kExponent, Axis::kParams, -10, 10}},
                       kernel_log_loss<AtOptimum>,
                       kernel_accumulate<AtOptimum>,
                       nullptr,
                       nullptr};
  return law;
}

// What is needed to refit at any N*.
struct ParamsProblem {
  std::vector<Sample> plain;  // origin at N = D = 1
  double delta;
  double log_flops;
  ComputeModel compute;
  SearchBox box;

  std::vector<Sample> samples_at(double log_params) const {
    const double log_tokens = log_flops - compute.log_flops_per_token(log_params);  // D*
    std::vector<Sample> out = plain;
    for (Sample& sample : out) {
      sample.log_params -= log_params;
      sample.log_tokens = (sample.log_tokens - log_tokens) / compute.exponent;
    }
    return out;
  }

  // From N* = from.at, the terms there carried along the axes. They no longer agree in steepness,
  // and share the difference unless the size term is frozen.
  Held hold(double log_params, const Held& from) const {
    const double by = log_params - from.at;
    const double alpha = from.theta[2];
    const double sigma = from.theta[3];
    Theta start = from.theta;
    start[1] += box.free[1] ? 0.5 * (sigma - alpha) * by : -alpha * by;
    NewtonOptions options;
    options.least_gain = 1e-10;
    const NewtonSummary found =
        minimise(at_optimum_law(), samples_at(log_params), delta, box, start, options);
    return {log_params, found.objective, found.theta};
  }
};

ParamsProblem params_problem(const Objective& objective, const FitResult& fit, double flops) {
  const Law& law = at_optimum_law();
  ParamsProblem out{objective.samples, objective.delta, std::log(flops), fit.compute_model(), {}};
  for (Sample& sample : out.plain) {
    sample.log_params += objective.mean_log_params;
    sample.log_tokens += objective.mean_log_tokens;
  }
  out.box.lower.resize(law.size());
  out.box.upper.resize(law.size());
  for (int i = 0; i < law.size(); ++i) {
    out.box.lower[i] = law.coefficients[static_cast<std::size_t>(i)].lower;
    out.box.upper[i] = law.coefficients[static_cast<std::size_t>(i)].upper;
  }
  // E is bounded relative to the smallest loss, as in every other problem (objective.cpp).
  out.box.lower[0] += objective.min_log_loss;
  out.box.upper[0] += objective.min_log_loss;
  // N* eliminates one level: A where it is free, else B, which follows from a size term that stays.
  const bool size_is_free = !fit.coefficient("A").frozen;
  out.box.free = {!fit.coefficient("E").frozen, size_is_free, !fit.coefficient("alpha").frozen,
                  true, fit.law->has(kCrossExponent)};
  return out;
}

// Empty where the law is not of two terms or has no optimum.
std::optional<ProfileWalk> walk_of(const Points& points, const FitResult& fit, double flops) {
  const std::optional<PowerForm> form = power_form(*fit.law, fit.theta);
  if (!form || !(flops > 0) || !std::isfinite(flops)) return std::nullopt;
  const ComputeModel compute = fit.compute_model();
  const std::optional<Split> best = best_split(*fit.law, fit.theta, {flops, compute, {}});
  if (!best) return std::nullopt;
  const Objective objective = make_objective(*fit.law, points, fit.huber_delta);
  const auto shared = std::make_shared<ParamsProblem>(params_problem(objective, fit, flops));
  const Theta centred = objective.centred(fit.theta);
  ProfileWalk walk;
  walk.best.at = std::log(best->params);
  walk.best.objective = evaluate(objective, centred).objective;
  walk.best.theta.resize(at_optimum_law().size());
  walk.best.theta << form->log_e, std::log(form->alpha) + form->log_a - form->alpha * walk.best.at,
      form->alpha, compute.exponent * form->beta - form->gamma, form->gamma;
  walk.limit = profile_limit(walk.best.objective, noise_factors(objective, centred).ratio,
                             objective_freedom(objective));
  // One parameter on one side, one token on the other.
  walk.lowest = std::min(0.0, walk.best.at);
  walk.highest = std::max(compute.log_params(std::log(flops)), walk.best.at);
  walk.step = 0.05;
  walk.logarithm = true;
  walk.hold = [shared](double at, const Held& from) { return shared->hold(at, from); };
  return walk;
}

}  // namespace

std::vector<Profile> profile_params(const Points& points, const FitResult& fit, double flops,
                                    int threads) {
  std::vector<ProfileWalk> walks;
  for (const FittedPart& each : fitted_parts(fit)) {
    FitResult own = *each.fit;
    own.compute = fit.compute;  // a stage counts compute as the whole fit does
    std::optional<ProfileWalk> walk = walk_of(points_of(each.part, points), own, flops);
    if (!walk) continue;
    walk->name = labelled(each.part.strategy, "N*");
    walks.push_back(std::move(*walk));
  }
  return walk_profiles(walks, threads);
}

}  // namespace crosslaw::fit
