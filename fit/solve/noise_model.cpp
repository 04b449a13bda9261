#include "fit/solve/noise_model.h"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "fit/solve/distributions.h"

namespace crosslaw::fit {
namespace {

constexpr double kSameSize = 1e-6;    // relative: a size written twice
constexpr double kMostGrouped = 0.8;  // of the points
constexpr std::size_t kFewestReadings = 3;

// By so much must the Laplace law raise the log-likelihood before it is believed: a robust fit goes
// through some points, which looks like its peak.
constexpr double kLaplaceGain = 2;
// The mean size of Laplace noise tells its scale with half the degrees of freedom that a variance
// has: Var log b = 1/n, Var log s = 1/(2n).
constexpr double kLaplaceFreedom = 0.5;
constexpr double kByChance = 0.05;  // level of the F test

// An orthonormal basis of what small changes of the free coefficients can do to the predictions:
// (samples, free); with `weighted`, of root weight times these.
Eigen::MatrixXd reach_of(const Objective& objective, const Theta& theta, bool weighted = false) {
  std::vector<int> open;
  for (int i = 0; i < objective.law->size(); ++i) {
    if (objective.box.free[static_cast<std::size_t>(i)]) open.push_back(i);
  }
  Eigen::MatrixXd columns = jacobian(objective, theta)(Eigen::all, open);
  for (Eigen::Index i = 0; weighted && i < columns.rows(); ++i) {
    columns.row(i) *= std::sqrt(objective.samples[static_cast<std::size_t>(i)].weight);
  }
  for (Eigen::Index c = 0; c < columns.cols(); ++c) {
    const double length = columns.col(c).norm();
    if (length > 0 && std::isfinite(length)) columns.col(c) /= length;
  }
  if (!columns.allFinite()) return Eigen::MatrixXd::Zero(columns.rows(), 0);
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(columns);
  const Eigen::MatrixXd thin = Eigen::MatrixXd::Identity(columns.rows(), qr.rank());
  return qr.householderQ() * thin;
}

// Residuals, with `weighted` times root weight, less what small changes of the coefficients could
// take off: to first order those of least squares, whose sum of squares has as many degrees of
// freedom as points are left over. A robust fit leaves more: near L1 and under normal noise some
// 0.57 sigma^2 a coefficient (pi / 2 - 1, its variance over that of least squares).
Eigen::VectorXd left_by_squares(const Objective& objective, const Theta& theta, bool weighted) {
  Eigen::VectorXd out = residuals(objective, theta);
  for (Eigen::Index i = 0; weighted && i < out.size(); ++i) {
    out[i] *= std::sqrt(objective.samples[static_cast<std::size_t>(i)].weight);
  }
  const Eigen::MatrixXd reach = reach_of(objective, theta, weighted);
  out -= reach * (reach.transpose() * out);
  return out;
}

std::shared_ptr<const LeftOver> left_over_by(const Objective& objective, const Theta& theta) {
  LeftOver out;
  out.reach = reach_of(objective, theta, true);
  out.root_weight.resize(out.reach.rows());
  for (Eigen::Index i = 0; i < out.reach.rows(); ++i) {
    const double weight = objective.samples[static_cast<std::size_t>(i)].weight;
    out.root_weight[i] = std::sqrt(weight);
    out.expected += weight * std::max(0.0, 1 - out.reach.row(i).squaredNorm());
  }
  if (!(out.expected > 0)) return nullptr;
  return std::make_shared<const LeftOver>(std::move(out));
}

// Degrees of freedom behind a weighted sum of squares of residuals, and how much larger the noise
// is than they let it seem: E sum w r^2 = sigma^2 sum w (1 - h) with h the leverages of the
// weighted fit, hence n - p and n / (n - p) for equal weights. Points of much weight have high
// leverage, so that a fit through a few of them shows little of their noise.
struct Freedom {
  double left = 1;
  double correction = 1;
};

Freedom freedom_of(const Objective& objective, const Theta& theta) {
  const auto count = static_cast<double>(objective.samples.size());
  const double fitted = objective.box.free_count(objective.law->size());
  Freedom out{std::max(1.0, count - fitted), 0};
  out.correction = count / out.left;
  const auto differs = [&](const Sample& each) {
    return each.weight != objective.samples.front().weight;
  };
  if (std::none_of(objective.samples.begin(), objective.samples.end(), differs)) return out;
  const Eigen::MatrixXd reach = reach_of(objective, theta, true);
  double all = 0, left = 0, squares = 0;
  for (std::size_t i = 0; i < objective.samples.size(); ++i) {
    const double weight = objective.samples[i].weight;
    const double open = std::max(0.0, 1 - reach.row(static_cast<Eigen::Index>(i)).squaredNorm());
    all += weight;
    left += weight * open;
    squares += weight * weight * open;
  }
  if (!(left > 0)) return out;
  // Satterthwaite's degrees of freedom of a weighted sum of squares.
  out.left = std::max(1.0, left * left / squares);
  out.correction = std::min(all / left, count);
  return out;
}

// Sums of squares of residuals between and within runs, with their degrees of freedom.
struct Variance {
  double between = 0, within = 0;
  double between_freedom = 0, within_freedom = 0;
  double per_run = 0;

  double between_mean() const { return between / between_freedom; }
  double within_mean() const { return within / within_freedom; }
};

Variance analyse(const Eigen::VectorXd& r, const Eigen::MatrixXd& reach,
                 const std::vector<int>& runs) {
  Variance out;
  std::map<int, std::vector<Eigen::Index>> members;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    members[runs[i]].push_back(static_cast<Eigen::Index>(i));
  }
  const auto count = static_cast<double>(r.size());
  const auto groups = static_cast<double>(members.size());
  double taken = 0;  // of the freedom between runs, by the fit: trace of P H
  double squares_of_sizes = 0;
  for (const auto& [id, which] : members) {
    const auto size = static_cast<double>(which.size());
    const double mean = r(which).mean();
    out.between += size * mean * mean;
    taken += size * reach(which, Eigen::all).colwise().mean().squaredNorm();
    squares_of_sizes += size * size;
  }
  out.within = std::max(0.0, r.squaredNorm() - out.between);
  out.between_freedom = std::max(0.0, groups - taken);
  out.within_freedom = std::max(0.0, count - groups - (static_cast<double>(reach.cols()) - taken));
  out.per_run = groups > 1 ? (count - squares_of_sizes / count) / (groups - 1) : count;
  return out;
}

// The first point of every sample's cluster, itself where it has none; empty where every cluster of
// the stage is a single point.
std::vector<int> named_runs(const Points& points, const std::vector<int>& index) {
  std::map<int, int> first;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].cluster >= 0) first.try_emplace(points[i].cluster, static_cast<int>(i));
  }
  std::vector<int> out;
  for (const int i : index) {
    const int cluster = points[static_cast<std::size_t>(i)].cluster;
    out.push_back(cluster >= 0 ? first.at(cluster) : i);
  }
  std::vector<int> sorted = out;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return {};
  return out;
}

// Points of one size at three or more different token counts count as a group, others alone. Empty
// where there are fewer than two such groups.
std::vector<int> groups_of_equal_size(const Points& points, const std::vector<int>& index) {
  std::map<long long, std::vector<int>> groups;
  for (const int i : index) {
    const double log_size = std::log(points[static_cast<std::size_t>(i)].params);
    groups[std::llround(log_size / kSameSize)].push_back(i);
  }
  std::map<int, int> first;
  std::size_t found = 0, grouped = 0;
  for (const auto& [size, which] : groups) {
    std::vector<double> tokens;
    for (const int i : which) tokens.push_back(points[static_cast<std::size_t>(i)].tokens);
    std::sort(tokens.begin(), tokens.end());
    // Equal token counts at one size are seeds: runs that were trained twice.
    const bool seeds = std::adjacent_find(tokens.begin(), tokens.end()) != tokens.end();
    const bool group = which.size() >= kFewestReadings && !seeds;
    found += group ? 1 : 0;
    grouped += group ? which.size() : 0;
    for (const int i : which) first[i] = group ? which.front() : i;
  }
  // Where most sizes stand alone, those that repeat are no runs read along.
  if (found < 2 ||
      static_cast<double>(grouped) < kMostGrouped * static_cast<double>(index.size())) {
    return {};
  }
  std::vector<int> out;
  for (const int i : index) out.push_back(first.at(i));
  return out;
}

}  // namespace

double NoiseModel::point_scale() const {
  return laplace ? point_sd / std::numbers::sqrt2 : point_sd;
}

double NoiseModel::deviation() const { return std::hypot(point_sd, run_sd); }

NoiseModel NoiseModel::drawn(Random& random) const {
  NoiseModel out = *this;
  const double fewest = 1e-3;
  out.point_sd = point_sd / std::sqrt(random.chi_square_share(std::max(freedom, fewest)));
  if (per_run > 0) {
    const double between = (point_sd * point_sd + per_run * run_sd * run_sd) /
                           random.chi_square_share(std::max(run_freedom, fewest));
    out.run_sd = std::sqrt(std::max(0.0, (between - out.point_sd * out.point_sd) / per_run));
  }
  return out;
}

double LeftOver::share(const Eigen::VectorXd& noise) const {
  const Eigen::VectorXd weighted = root_weight.cwiseProduct(noise);
  const double taken = (reach.transpose() * weighted).squaredNorm();
  return std::max(0.0, weighted.squaredNorm() - taken) / expected;
}

NoiseModel NoiseModel::scaled_to(const Eigen::VectorXd& standard) const {
  constexpr double kLeastShare = 1e-6;  // of noise that the coefficients take as a whole
  NoiseModel out = *this;
  out.point_sd = point_sd / std::sqrt(std::max(left_over->share(standard), kLeastShare));
  return out;
}

NoiseModel fit_noise(const Objective& objective, const Theta& theta, const std::vector<int>& runs) {
  const Eigen::VectorXd r = residuals(objective, theta);
  double squares = 0, sizes = 0, weight = 0;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    const double w = objective.samples[static_cast<std::size_t>(i)].weight;
    squares += w * r[i] * r[i];
    sizes += w * std::abs(r[i]);
    weight += w;
  }
  NoiseModel noise;
  const Freedom freedom = freedom_of(objective, theta);
  noise.freedom = freedom.left;
  const double correction = freedom.correction;
  const double deviation = std::sqrt(squares / weight);
  const double mean_size = sizes / weight;
  // The lesser negative log-likelihood a point, each at its own best size: log(2 e b) for
  // Laplace, log(s sqrt(2 pi e)) for normal noise.
  const double gain = std::log(deviation) + 0.5 * std::log(2 * std::numbers::pi) + 0.5 -
                      std::log(2 * mean_size) - 1;
  noise.laplace = gain * noise.freedom > kLaplaceGain;
  if (noise.laplace) {
    // For Laplace noise itself half the correction would do; what looks like it has longer tails.
    noise.point_sd = std::numbers::sqrt2 * mean_size * correction;
  } else {
    noise.point_sd =
        std::sqrt(left_by_squares(objective, theta, true).squaredNorm() / weight * correction);
    noise.left_over = left_over_by(objective, theta);
  }
  if (noise.laplace) noise.freedom *= kLaplaceFreedom;
  if (runs.empty()) return noise;
  const Variance parts =
      analyse(left_by_squares(objective, theta, false), reach_of(objective, theta), runs);
  if (parts.between_freedom < 1 || parts.within_freedom < 1) return noise;
  noise.per_run = parts.per_run;
  noise.left_over = nullptr;
  noise.point_sd = std::sqrt(parts.within_mean());
  noise.freedom = parts.within_freedom;
  noise.run_sd =
      std::sqrt(std::max(0.0, (parts.between_mean() - parts.within_mean()) / parts.per_run));
  noise.run_freedom = parts.between_freedom;
  return noise;
}

Runs runs_of(const Points& points, const std::vector<int>& index, const Objective& objective,
             const Theta& centred) {
  Runs out;
  const auto named = [](const Point& each) { return each.cluster >= 0; };
  if (std::any_of(points.begin(), points.end(), named)) {
    out.of = named_runs(points, index);
    return out;
  }
  out.of = groups_of_equal_size(points, index);
  if (out.of.empty()) return out;
  const Variance parts =
      analyse(left_by_squares(objective, centred, false), reach_of(objective, centred), out.of);
  const bool told = parts.between_freedom >= kFewestFreedom &&
                    parts.within_freedom >= kFewestFreedom && parts.within > 0;
  const double f = told ? parts.between_mean() / parts.within_mean() : 0;
  out.suspected =
      told && upper_tail_of_f(f, parts.between_freedom, parts.within_freedom) < kByChance;
  if (!out.suspected) out.of.clear();
  return out;
}

}  // namespace crosslaw::fit
