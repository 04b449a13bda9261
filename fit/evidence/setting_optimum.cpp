#include "fit/evidence/setting_optimum.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>

#include "fit/solve/random.h"

namespace crosslaw::fit {
namespace {

constexpr int kSpareSettings = 2;  // beyond the coefficients: the noise must be seen, too

// Log loss = c0 + c1 u + c2 u^2 (+ c3 v + c4 v^2 + c5 u v), u the log rate and v the log batch,
// each around its mean.
struct SettingQuadratic {
  Eigen::VectorXd c;

  bool has_batch() const { return c.size() > 3; }
  double at(double u, double v) const {
    const double along = c[0] + u * (c[1] + u * c[2]);
    return has_batch() ? along + v * (c[3] + v * c[4]) + c[5] * u * v : along;
  }
  // Its minimum; nothing where it has none.
  std::optional<Eigen::Vector2d> minimum() const {
    if (!(c[2] > 0)) return std::nullopt;
    if (!has_batch()) return Eigen::Vector2d(-c[1] / (2 * c[2]), 0);
    const double determinant = 4 * c[2] * c[4] - c[5] * c[5];
    if (!(determinant > 0)) return std::nullopt;
    return Eigen::Vector2d((c[5] * c[3] - 2 * c[4] * c[1]) / determinant,
                           (c[5] * c[1] - 2 * c[2] * c[3]) / determinant);
  }
};

struct Setting {
  double u = 0, v = 0;
};

class SettingFit {
 public:
  SettingFit(const std::vector<SettingPoint>& points, const SettingOptions& options)
      : points_(points), options_(options) {
    for (const SettingPoint& p : points) {
      rates_.insert(p.learning_rate), batches_.insert(p.batch_tokens);
      centre_.u += std::log(p.learning_rate) / static_cast<double>(points.size());
      centre_.v += std::log(p.batch_tokens) / static_cast<double>(points.size());
    }
  }

  SettingOptimum fit() {
    SettingOptimum out;
    out.points = points_.size(), out.rates = rates_.size(), out.batches = batches_.size();
    const int coefficients = batches_.size() >= 3 ? 6 : 3;
    const auto n = static_cast<int>(points_.size());
    if (rates_.size() < 3) {
      out.problem = "fewer than three learning rates were tried";
    } else if (batches_.size() == 2) {
      out.problem = "of two batches no optimum can be seen; try one or three";
    } else if (n < coefficients + kSpareSettings) {
      out.problem = fmt::format("{} runs are too few for {} coefficients", n, coefficients);
    }
    if (!out.problem.empty()) return out;
    solve(coefficients);
    const auto least = quadratic_.minimum();
    if (!least) {
      out.problem = "the losses have no minimum: they bend the other way";
      return out;
    }
    describe(*least, out);
    return out;
  }

 private:
  Setting setting_of(double rate, double batch) const {
    return {std::log(rate) - centre_.u, std::log(batch) - centre_.v};
  }

  void solve(int coefficients) {
    const auto n = static_cast<Eigen::Index>(points_.size());
    Eigen::MatrixXd x(n, coefficients);
    Eigen::VectorXd y(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const SettingPoint& p = points_[static_cast<std::size_t>(i)];
      const auto [u, v] = setting_of(p.learning_rate, p.batch_tokens);
      x.row(i).head(3) << 1, u, u * u;
      if (coefficients > 3) x.row(i).tail(3) << v, v * v, u * v;
      y[i] = std::log(p.loss);
    }
    quadratic_.c = x.colPivHouseholderQr().solve(y);
    const double squares = (y - x * quadratic_.c).squaredNorm();
    spare_ = static_cast<double>(n - coefficients);
    variance_ = squares / spare_;
    // Its Cholesky factor, from which the coefficients are drawn.
    root_ = (x.transpose() * x).inverse().llt().matrixL();
  }

  SettingQuadratic drawn(std::uint64_t draw) const {
    Random random(options_.seed, draw);
    Eigen::VectorXd z(quadratic_.c.size());
    for (double& each : z) each = random.normal();
    // Chi squared with `spare_` degrees of freedom over them.
    const double chi = 2 * random.gamma(spare_ / 2) / spare_;
    return {quadratic_.c + std::sqrt(variance_ / chi) * (root_ * z)};
  }

  void describe(const Eigen::Vector2d& least, SettingOptimum& out) const {
    std::vector<std::optional<double>> rate, batch, excess, log_rate;
    const Setting fixed = setting_of(options_.fixed_rate, options_.fixed_batch);
    const auto excess_of = [&](const SettingQuadratic& q, const Eigen::Vector2d& at) {
      return q.at(fixed.u, q.has_batch() ? fixed.v : 0) - q.at(at[0], at[1]);
    };
    for (int draw = 0; draw < options_.draws; ++draw) {
      const SettingQuadratic q = drawn(static_cast<std::uint64_t>(draw));
      const auto at = q.minimum();
      log_rate.push_back(at ? std::optional((*at)[0]) : std::nullopt);
      rate.push_back(at ? std::optional(std::exp((*at)[0] + centre_.u)) : std::nullopt);
      batch.push_back(at ? std::optional(std::exp((*at)[1] + centre_.v)) : std::nullopt);
      excess.push_back(at ? std::optional(excess_of(q, *at)) : std::nullopt);
    }
    out.learning_rate = summarise(std::exp(least[0] + centre_.u), rate);
    if (quadratic_.has_batch()) out.batch_tokens = summarise(std::exp(least[1] + centre_.v), batch);
    out.excess = summarise(excess_of(quadratic_, least), excess);
    out.log_rate_error = summarise(least[0], log_rate).se.value_or(0);
    out.rate_curvature = 2 * quadratic_.c[2];
    out.rms = std::sqrt(variance_ * spare_ / static_cast<double>(points_.size()));
    const double found_rate = *out.learning_rate.value;
    out.inside = found_rate >= *rates_.begin() && found_rate <= *rates_.rbegin();
    if (out.batch_tokens.value)
      out.inside = out.inside && *out.batch_tokens.value >= *batches_.begin() &&
                   *out.batch_tokens.value <= *batches_.rbegin();
  }

  const std::vector<SettingPoint>& points_;
  const SettingOptions& options_;
  std::set<double> rates_, batches_;
  Setting centre_;
  SettingQuadratic quadratic_;
  Eigen::MatrixXd root_;
  double variance_ = 0, spare_ = 0;
};

}  // namespace

std::vector<std::string> problems(const SettingOptions& options) {
  std::vector<std::string> out;
  if (!(options.fixed_rate > 0))
    out.push_back(fmt::format("fixed_rate = {}: must be above 0", options.fixed_rate));
  if (!(options.fixed_batch > 0))
    out.push_back(fmt::format("fixed_batch = {}: must be above 0", options.fixed_batch));
  if (options.draws < kFewestDraws) {
    out.push_back(fmt::format("draws = {}: must be at least {}", options.draws, kFewestDraws));
  }
  return out;
}

SettingOptimum setting_optimum(const std::vector<SettingPoint>& points,
                               const SettingOptions& options) {
  if (const auto messages = problems(options); !messages.empty())
    throw std::invalid_argument(messages.front());
  return SettingFit(points, options).fit();
}

}  // namespace crosslaw::fit
