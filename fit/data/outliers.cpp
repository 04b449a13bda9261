#include "fit/data/outliers.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "fit/data/splitmix64.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kEnoughForFarOff = 6;
constexpr std::size_t kEnoughForQuadratic = 12;
constexpr double kMostCounted = 0.1;         // of a residual of log loss
constexpr double kRises = 0.02;              // a slope, per standard deviation of log N or log D
constexpr int kSubsets = 400;                // of six points; half of them bad: 1 in 64 has none
constexpr std::size_t kPolished = 12;        // the best of these
constexpr std::size_t kPointsFitted = 2000;  // of more, evenly spaced ones
constexpr int kReweightings = 30;
constexpr double kFarScatters = 12;
constexpr double kFarLog = 0.336;  // log 1.4
constexpr double kAloneLog = 0.1;  // of a point whose neighbours lie closer
constexpr double kAloneTimes = 8;  // by this factor
constexpr std::size_t kNeighbours = 5;
constexpr double kExplained = 0.05;  // a residual of a point in another unit
constexpr double kWideGap = 50;      // between two neighbouring counts
constexpr double kMuchBetter = 0.4;  // of the sum of residuals, when counts are in one unit

// The surface and the coordinates that it is a polynomial of.
class LossSurface {
 public:
  explicit LossSurface(const Points& points) : quadratic_(points.size() >= kEnoughForQuadratic) {
    const auto n = static_cast<double>(points.size());
    for (const Point& each : points) {
      mean_[0] += std::log(each.params) / n;
      mean_[1] += std::log(each.tokens) / n;
    }
    for (const Point& each : points) {
      scale_[0] += std::pow(std::log(each.params) - mean_[0], 2) / n;
      scale_[1] += std::pow(std::log(each.tokens) - mean_[1], 2) / n;
    }
    for (double& each : scale_) each = each > 0 ? std::sqrt(each) : 1;
    const std::size_t stride = (points.size() + kPointsFitted - 1) / kPointsFitted;
    design_.resize(static_cast<Eigen::Index>((points.size() + stride - 1) / stride), size());
    log_loss_.resize(design_.rows());
    for (Eigen::Index i = 0; i < design_.rows(); ++i) {
      const Point& point = points[static_cast<std::size_t>(i) * stride];
      design_.row(i) = terms(point.params, point.tokens).head(size()).transpose();
      log_loss_[i] = std::log(point.loss);
    }
    fit();
  }

  double residual(const Point& point) const {
    return std::log(point.loss) - terms(point.params, point.tokens).head(size()).dot(coefficients_);
  }

  // Distance of two points in log N and log D, each by its standard deviation.
  double distance(const Point& a, const Point& b) const {
    return std::hypot(std::log(a.params / b.params) / scale_[0],
                      std::log(a.tokens / b.tokens) / scale_[1]);
  }

  double cost() const { return cost_of(coefficients_); }

  double scatter() const {
    const Eigen::VectorXd sizes = (log_loss_ - design_ * coefficients_).cwiseAbs();
    std::vector<double> sorted(sizes.begin(), sizes.end());
    // As many residuals as there are coefficients are 0 by the fit.
    const auto middle = std::min<std::size_t>(
        sorted.size() - 1, (sorted.size() + static_cast<std::size_t>(size())) / 2);
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(middle);
    std::nth_element(sorted.begin(), at, sorted.end());
    return 1.4826 * *at;
  }

 private:
  Eigen::Index size() const { return quadratic_ ? 6 : 3; }

  Eigen::Vector<double, 6> terms(double params, double tokens) const {
    const double x = (std::log(params) - mean_[0]) / scale_[0];
    const double y = (std::log(tokens) - mean_[1]) / scale_[1];
    return {1, x, y, x * x, x * y, y * y};
  }

  // Losses fall with N and D: where the surface rises a point counts as one far off.
  bool rises_at(const Eigen::VectorXd& fit, Eigen::Index i) const {
    const double x = design_(i, 1), y = design_(i, 2);
    const double by_x = quadratic_ ? fit[1] + 2 * fit[3] * x + fit[4] * y : fit[1];
    const double by_y = quadratic_ ? fit[2] + fit[4] * x + 2 * fit[5] * y : fit[2];
    return by_x > kRises || by_y > kRises;
  }

  double cost_of(const Eigen::VectorXd& fit) const {
    double out = 0;
    for (Eigen::Index i = 0; i < design_.rows(); ++i) {
      const double size = std::abs(log_loss_[i] - design_.row(i).dot(fit));
      out += rises_at(fit, i) ? kMostCounted : std::min(size, kMostCounted);
    }
    return out;
  }

  Eigen::VectorXd least_squares(const Eigen::VectorXd& weights) const {
    // Sizes may be few, so that the squares follow from the rest: the least solution does.
    const Eigen::MatrixXd weighted = weights.asDiagonal() * design_;
    return (design_.transpose() * weighted)
        .completeOrthogonalDecomposition()
        .solve(weighted.transpose() * log_loss_);
  }

  // Least absolute residuals by reweighting; those beyond `far` count nothing.
  Eigen::VectorXd polished(Eigen::VectorXd fit, double far) const {
    for (int round = 0; round < kReweightings; ++round) {
      const Eigen::ArrayXd sizes = (log_loss_ - design_ * fit).array().abs();
      const Eigen::VectorXd weights = (sizes < far).select(sizes.max(1e-6).inverse(), 0.0);
      if (weights.sum() <= 0) break;
      fit = least_squares(weights);
    }
    return fit;
  }

  // The surface through a few points drawn at random.
  Eigen::VectorXd through_some(std::uint64_t& state) const {
    Eigen::MatrixXd some(size(), size());
    Eigen::VectorXd losses(size());
    for (Eigen::Index k = 0; k < size(); ++k) {
      const auto i = static_cast<Eigen::Index>(splitmix64(state++) %
                                               static_cast<std::uint64_t>(design_.rows()));
      some.row(k) = design_.row(i);
      losses[k] = log_loss_[i];
    }
    return some.completeOrthogonalDecomposition().solve(losses);
  }

  void fit() {
    const double all = std::numeric_limits<double>::infinity();
    const Eigen::VectorXd start =
        polished(least_squares(Eigen::VectorXd::Ones(design_.rows())), all);
    std::vector<std::pair<double, Eigen::VectorXd>> tried;
    std::uint64_t state = 1;
    for (int subset = 0; subset < kSubsets; ++subset) {
      Eigen::VectorXd one = through_some(state);
      const double cost = cost_of(one);
      tried.emplace_back(cost, std::move(one));
    }
    const auto better = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::stable_sort(tried.begin(), tried.end(), better);
    tried.resize(kPolished);
    coefficients_ = start;
    tried.emplace_back(0, start);
    for (const auto& [ignored, fit] : tried) {
      const Eigen::VectorXd one = polished(fit, kMostCounted);
      if (cost_of(one) < cost()) coefficients_ = one;
    }
  }

  bool quadratic_;
  std::array<double, 2> mean_{}, scale_{};
  Eigen::MatrixXd design_;
  Eigen::VectorXd log_loss_, coefficients_;
};

// Whether the points near one lie much closer to the surface than it does.
bool stands_alone(const Points& points, const LossSurface& surface,
                  const std::vector<double>& residuals, std::size_t i) {
  std::vector<std::pair<double, double>> near;
  for (std::size_t k = 0; k < points.size(); ++k) {
    if (k != i) near.emplace_back(surface.distance(points[i], points[k]), std::abs(residuals[k]));
  }
  const std::size_t count = std::min(kNeighbours, near.size());
  std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(count), near.end());
  std::vector<double> sizes;
  for (std::size_t k = 0; k < count; ++k) sizes.push_back(near[k].second);
  std::sort(sizes.begin(), sizes.end());
  return kAloneTimes * sizes[count / 2] < std::abs(residuals[i]);
}

std::vector<std::size_t> far_from(const LossSurface& surface, const Points& points) {
  std::vector<double> residuals;
  for (const Point& point : points) residuals.push_back(surface.residual(point));
  const double usual = kFarScatters * surface.scatter();
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double size = std::abs(residuals[i]);
    if (size < usual || size < kAloneLog) continue;
    if (size <= kFarLog &&
        (points.size() < kEnoughForQuadratic || !stands_alone(points, surface, residuals, i))) {
      continue;
    }
    out.push_back(i);
  }
  return out;
}

// What a point may be instead, and where it would be then.
struct Instead {
  std::string words;
  Point point;
};

std::vector<Instead> alternatives(const Point& point) {
  std::vector<Instead> out;
  for (const double factor : {1e3, 1e6, 1e-3, 10.0, 0.1}) {
    for (const bool of_params : {true, false}) {
      Instead one{fmt::format("with {} times {:g}", of_params ? "N" : "D", factor), point};
      (of_params ? one.point.params : one.point.tokens) *= factor;
      out.push_back(std::move(one));
    }
  }
  const std::pair<const char*, double> losses[] = {
      {"if the loss is in bits", point.loss * std::numbers::ln2},
      {"if the loss is a perplexity", point.loss > 1 ? std::log(point.loss) : 0}};
  for (const auto& [words, loss] : losses) {
    if (!(loss > 0)) continue;
    out.push_back({words, point});
    out.back().point.loss = loss;
  }
  return out;
}

// The best of those that bring a point to the surface, within what the others cover.
std::string looks_like(const LossSurface& surface, const Point& point, const DataRange& others) {
  std::string best;
  double least = std::max(kExplained, kFarScatters / 2 * surface.scatter());
  for (const Instead& each : alternatives(point)) {
    const bool covered =
        each.point.params >= others.params.low && each.point.params <= others.params.high &&
        each.point.tokens >= others.tokens.low && each.point.tokens <= others.tokens.high;
    const double off = std::abs(surface.residual(each.point));
    if (!covered || off >= least) continue;
    least = off;
    best = each.words;
  }
  return best;
}

// The threshold of losses that leaves out these points and no others; absent: there is none.
std::optional<std::string> filter_for(const Points& points, const std::vector<std::size_t>& far,
                                      const std::string& column) {
  const auto at = [&](bool is_far, bool largest) {
    double out = largest ? 0 : std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (std::binary_search(far.begin(), far.end(), i) != is_far) continue;
      out = largest ? std::max(out, points[i].loss) : std::min(out, points[i].loss);
    }
    return out;
  };
  if (at(true, false) > at(false, true)) {
    return fmt::format("--where '{}<{:.4g}' leaves them out", column, at(true, false));
  }
  if (at(true, true) < at(false, false)) {
    return fmt::format("--where '{}>{:.4g}' leaves them out", column, at(true, true));
  }
  return std::nullopt;
}

// "44 % above", or "4.8 times".
std::string times(double log) {
  return std::abs(log) > std::log(2) ? fmt::format("{:.3g} times", std::exp(log))
                                     : fmt::format("{:.2g} % {}", 100 * std::abs(std::expm1(log)),
                                                   log > 0 ? "above" : "below");
}

Doubt doubt_about_far(const Points& points, const PointSource& source, const LossSurface& surface,
                      const std::vector<std::size_t>& far) {
  Points others;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!std::binary_search(far.begin(), far.end(), i)) others.push_back(points[i]);
  }
  const DataRange covered = coverage(others);
  std::map<std::string, std::vector<std::size_t>> explained;
  std::vector<std::size_t> rows;
  double lowest = 0, highest = 0;
  for (const std::size_t i : far) {
    rows.push_back(source.rows[i]);
    const double residual = surface.residual(points[i]);
    lowest = std::min(lowest, residual);
    highest = std::max(highest, residual);
    const std::string words = looks_like(surface, points[i], covered);
    if (!words.empty()) explained[words].push_back(source.rows[i]);
  }
  std::string out = places(source.records, rows) + ": losses up to ";
  if (highest > 0) out += times(highest);
  if (highest > 0 && lowest < 0) out += " and up to ";
  if (lowest < 0) out += times(lowest);
  out += " what the other rows let expect at their N and D";
  bool told = false;
  for (const auto& [words, which] : explained) {
    if (2 * which.size() < far.size()) continue;  // as chance would have it
    out += fmt::format("; {} would fit {}", places(source.records, which), words);
    told = true;
  }
  out += !told && lowest == 0 ? ": runs that diverged? " : "; ";
  out += filter_for(points, far, source.loss).value_or("mend these lines, or leave them out");
  return {std::move(out), false};
}

// Of a count with a wide gap: the points on the side with fewer of them, and what they would be
// multiplied by.
struct Side {
  std::vector<std::size_t> points;
  bool below = false;
};

std::optional<Side> side_of_gap(const std::vector<double>& counts) {
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] < counts[b]; });
  std::size_t split = 0;
  double widest = kWideGap;
  for (std::size_t k = 1; k < order.size(); ++k) {
    const double gap = counts[order[k]] / counts[order[k - 1]];
    if (gap < widest) continue;
    widest = gap;
    split = k;
  }
  if (split == 0) return std::nullopt;
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(split);
  const bool below = 2 * split <= order.size();
  Side out{below ? std::vector(order.begin(), middle) : std::vector(middle, order.end()), below};
  std::sort(out.points.begin(), out.points.end());
  return out;
}

std::optional<Doubt> doubt_about_units(const Points& points, const PointSource& source,
                                       bool of_params, double cost) {
  if ((of_params ? source.params_unit : source.tokens_unit).by_flag) return std::nullopt;
  const auto count = [&](Point& point) -> double& {
    return of_params ? point.params : point.tokens;
  };
  Points changed = points;
  std::vector<double> counts;
  for (Point& point : changed) counts.push_back(count(point));
  const std::optional<Side> side = side_of_gap(counts);
  if (!side) return std::nullopt;
  double best = kMuchBetter * cost, factor = 0;
  for (const double size : {1e3, 1e6, 1e9}) {
    const double one = side->below ? size : 1 / size;
    for (const std::size_t i : side->points) count(changed[i]) = counts[i] * one;
    const double with = LossSurface(changed).cost();
    if (with >= best) continue;
    best = with;
    factor = one;
  }
  if (factor == 0) return std::nullopt;
  std::vector<std::size_t> rows;
  for (const std::size_t i : side->points) rows.push_back(source.rows[i]);
  return Doubt{
      fmt::format("column '{}': {}: in another unit than the other rows, from their losses times "
                  "{:g}; write all in one unit, or {} 1 takes the numbers as they stand",
                  of_params ? source.params : source.tokens, places(source.records, rows), factor,
                  of_params ? "--params-unit" : "--tokens-unit"),
      true};
}

}  // namespace

double scatter_around_surface(const Points& points) { return LossSurface(points).scatter(); }

std::vector<std::size_t> far_off(const Points& points) {
  if (points.size() < kEnoughForFarOff) return {};
  return far_from(LossSurface(points), points);
}

std::vector<Doubt> doubts_about_rows(const Points& points, const PointSource& source) {
  if (points.size() < kEnoughForFarOff) return {};
  const LossSurface surface(points);
  std::vector<Doubt> out;
  if (points.size() >= kEnoughForQuadratic) {
    for (const bool of_params : {true, false}) {
      if (auto doubt = doubt_about_units(points, source, of_params, surface.cost())) {
        out.push_back(std::move(*doubt));
      }
    }
  }
  const std::vector<std::size_t> far = far_from(surface, points);
  if (out.empty() && !far.empty()) out.push_back(doubt_about_far(points, source, surface, far));
  return out;
}

}  // namespace crosslaw::fit
