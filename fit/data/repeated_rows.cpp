#include "fit/data/repeated_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

#include "fit/data/column_role.h"

namespace crosslaw::fit {
namespace {

constexpr double kSeedScatter = 0.01;  // of log losses; seeds differ by less, settings by more
constexpr double kBeyondNeighbours = 2;
constexpr double kRepeatedShare = 0.3;  // of the points, before it is how the file is made
constexpr std::size_t kColumnsNamed = 6;
constexpr double kFarScatters = 12;
constexpr double kFarLog = 0.336;  // log 1.4
constexpr std::size_t kEnoughForQuadratic = 12;
constexpr std::size_t kEnoughForFarOff = 6;
constexpr int kReweightings = 30;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Residuals of log loss from a polynomial in log N and log D, fitted by least absolute residuals
// (iteratively reweighted least squares).
std::vector<double> log_residuals(const Points& points) {
  const auto n = static_cast<Eigen::Index>(points.size());
  const bool quadratic = points.size() >= kEnoughForQuadratic;
  Eigen::MatrixXd design(n, quadratic ? 6 : 3);
  Eigen::VectorXd target(n);
  double mean_n = 0, mean_d = 0;
  for (const Point& point : points) {
    mean_n += std::log(point.params) / static_cast<double>(n);
    mean_d += std::log(point.tokens) / static_cast<double>(n);
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    const Point& point = points[static_cast<std::size_t>(i)];
    const double x = std::log(point.params) - mean_n, y = std::log(point.tokens) - mean_d;
    design.row(i).head(3) << 1, x, y;
    if (quadratic) design.row(i).tail(3) << x * x, x * y, y * y;
    target[i] = std::log(point.loss);
  }
  Eigen::VectorXd residuals = target, weights = Eigen::VectorXd::Ones(n);
  for (int round = 0; round < kReweightings; ++round) {
    // Sizes may be few, so that the squares follow from the rest: the least solution does.
    const Eigen::MatrixXd weighted = weights.asDiagonal() * design;
    const Eigen::MatrixXd normal = design.transpose() * weighted;
    const Eigen::VectorXd solution =
        normal.completeOrthogonalDecomposition().solve(weighted.transpose() * target);
    residuals = target - design * solution;
    weights = residuals.cwiseAbs().cwiseMax(1e-6).cwiseInverse();
  }
  return {residuals.begin(), residuals.end()};
}

// 1.4826 times the median absolute residual: the standard deviation of normal noise.
double robust_scatter(const std::vector<double>& residuals) {
  std::vector<double> sizes;
  for (const double each : residuals) sizes.push_back(std::abs(each));
  return 1.4826 * median(std::move(sizes));
}

using PointKey = std::tuple<double, double, int, double>;
using PointGroups = std::map<PointKey, std::vector<std::size_t>>;

PointGroups groups_of(const Points& points) {
  PointGroups out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& p = points[i];
    out[{p.params, p.tokens, static_cast<int>(p.stage), p.unique_tokens}].push_back(i);
  }
  return out;
}

// Columns in which the rows of groups differ, those first that differ in most groups. Names and
// other losses of a run tell nothing.
std::vector<std::string> varying_columns(const PointGroups& groups, const Records& records,
                                         const std::vector<std::size_t>& rows,
                                         const std::string& loss_column) {
  std::vector<std::pair<std::size_t, std::string>> found;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::string& column = records.columns[c];
    if (column == loss_column || role_rank(column, Role::kLoss) > 0) continue;
    std::set<std::string> values;
    std::size_t varies = 0;
    for (const auto& [key, members] : groups) {
      bool differs = false;
      for (const std::size_t i : members) {
        values.insert(records.rows[rows[i]][c]);
        differs = differs || records.rows[rows[i]][c] != records.rows[rows[members[0]]][c];
      }
      varies += differs ? 1 : 0;
    }
    const bool names_rows = values.size() == rows.size();
    if (varies > 0 && !names_rows) found.emplace_back(varies, column);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> out;
  for (const auto& [count, column] : found) {
    if (out.size() < kColumnsNamed) out.push_back(column);
  }
  return out;
}

}  // namespace

std::vector<std::size_t> equal_rows(const Records& records, const std::vector<std::size_t>& rows) {
  std::unordered_set<std::string> seen;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string whole;
    for (const std::string& field : records.rows[rows[i]]) {
      whole += trimmed(field);
      whole += '\x1f';
    }
    if (!seen.insert(std::move(whole)).second) out.push_back(i);
  }
  return out;
}

std::optional<std::string> describe_repeats(const Points& points, const Records& records,
                                            const std::vector<std::size_t>& rows,
                                            const std::string& loss_column) {
  const PointGroups groups = groups_of(points);
  Points best;
  double squares = 0;
  std::size_t repeated = 0, freedoms = 0;
  for (const auto& [key, members] : groups) {
    const auto lowest = *std::min_element(members.begin(), members.end(), [&](auto a, auto b) {
      return points[a].loss < points[b].loss;
    });
    best.push_back(points[lowest]);
    if (members.size() < 2) continue;
    double mean = 0;
    for (const std::size_t i : members) {
      mean += std::log(points[i].loss) / static_cast<double>(members.size());
    }
    for (const std::size_t i : members) squares += std::pow(std::log(points[i].loss) - mean, 2);
    repeated += members.size();
    freedoms += members.size() - 1;
  }
  if (static_cast<double>(repeated) < kRepeatedShare * static_cast<double>(points.size())) {
    return std::nullopt;
  }
  const double within = std::sqrt(squares / static_cast<double>(freedoms));
  // Among fewer groups a polynomial passes through all of them.
  const double between = best.size() > 4 ? robust_scatter(log_residuals(best)) : 0;
  if (within < std::max(kSeedScatter, kBeyondNeighbours * between)) return std::nullopt;
  const auto varying = varying_columns(groups, records, rows, loss_column);
  return fmt::format(
      "{} rows have only {} pairs of N and D; at equal N and D the losses scatter by {:.2g} %, the "
      "best ones around a smooth surface by {:.2g} %{}: these look like all settings that were "
      "tried, not one model a row; --best-of N,D takes the best of each pair, --mean-of N,D the "
      "mean, --where one setting",
      points.size(), groups.size(), 100 * within, 100 * between,
      varying.empty() ? "" : fmt::format(" ({} vary)", fmt::join(varying, ", ")));
}

std::vector<std::size_t> far_off(const Points& points) {
  std::vector<std::size_t> out;
  if (points.size() < kEnoughForFarOff) return out;
  const std::vector<double> residuals = log_residuals(points);
  const double far = std::max(kFarLog, kFarScatters * robust_scatter(residuals));
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    if (residuals[i] > far) out.push_back(i);
  }
  return out;
}

std::vector<Group> grouped(const Points& points, const std::vector<std::string>& keys) {
  std::map<std::string, std::size_t> ids;
  std::vector<Group> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto [found, added] = ids.try_emplace(keys[i], out.size());
    if (added) out.push_back({i, 0, 0});
    Group& group = out[found->second];
    if (points[i].loss < points[group.chosen].loss) group.chosen = i;
    group.mean_loss += points[i].loss;
    ++group.count;
  }
  for (Group& each : out) each.mean_loss /= static_cast<double>(each.count);
  return out;
}

}  // namespace crosslaw::fit
