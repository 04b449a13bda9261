#include "fit/data/confounding.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "fit/data/column_role.h"

namespace crosslaw::fit {
namespace {

constexpr double kSameSize = 0.01;   // log x that counts as one
constexpr double kNoSpread = 0.01;   // sd of a log: the column does not vary
constexpr double kTight = 0.10;      // sd of log y given log x that is one and the same
constexpr double kLoose = 0.30;      // and of one y for each x that follows x
constexpr double kFollows = 0.90;    // R^2 with which it does
constexpr int kFewestSizes = 3;      // through two a line always goes
constexpr int kSizesOfParabola = 6;  // from here on it may bend

// One x with the points that have it.
struct Size {
  double x = 0;
  double y = 0;        // mean
  double squares = 0;  // of log y around it
  int points = 0;
};

std::vector<Size> sizes_of(std::span<const double> x, std::span<const double> y) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  std::vector<Size> out;
  for (const std::size_t i : order) {
    if (out.empty() || x[i] - out.back().x > kSameSize) out.push_back({x[i], y[i], 0, 0});
    Size& size = out.back();
    ++size.points;
    // Welford's update: the mean moves, the squares stay around it.
    const double before = y[i] - size.y;
    size.y += before / size.points;
    size.squares += before * (y[i] - size.y);
  }
  return out;
}

double deviation(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double each : values) squares += (each - mean) * (each - mean);
  return std::sqrt(squares / count);
}

// The sum of squares around the best polynomial of this degree; `line` gets its first two
// coefficients.
double squares_around(const Eigen::VectorXd& x, const Eigen::VectorXd& y, int degree,
                      Eigen::Vector2d* line = nullptr) {
  Eigen::MatrixXd powers(x.size(), degree + 1);
  for (int k = 0; k <= degree; ++k) powers.col(k) = x.array().pow(k);
  const Eigen::VectorXd found = powers.colPivHouseholderQr().solve(y);
  if (line != nullptr) *line = found.head<2>();
  return (y - powers * found).squaredNorm();
}

// The logs of a column, empty where it is no count in every row.
std::vector<double> logs_of(const Records& records, const std::vector<std::size_t>& rows,
                            std::size_t column) {
  std::vector<double> out;
  for (const std::size_t row : rows) {
    const auto value = parse_number(records.rows[row][column], records.mark);
    if (!value || !(*value > 1)) return {};
    out.push_back(std::log(*value));
  }
  return out;
}

bool names_tokens(const std::string& column) {
  const std::string name = plain_column_name(column);
  const bool counts = name.find("token") != std::string::npos && !names_ratio(column) &&
                      name.find("per_") == std::string::npos;
  return counts || name.starts_with("d_");
}

}  // namespace

std::optional<Ray> ray_of(std::span<const double> log_x, std::span<const double> log_y) {
  const std::vector<Size> sizes = sizes_of(log_x, log_y);
  const auto count = static_cast<int>(sizes.size());
  if (count < kFewestSizes) return std::nullopt;
  if (deviation(log_x) < kNoSpread || deviation(log_y) < kNoSpread) return std::nullopt;
  Eigen::VectorXd x(count), y(count);
  double within = 0;
  for (int i = 0; i < count; ++i) {
    x[i] = sizes[static_cast<std::size_t>(i)].x;
    y[i] = sizes[static_cast<std::size_t>(i)].y;
    within += sizes[static_cast<std::size_t>(i)].squares;
  }
  const double middle = x.mean();
  x.array() -= middle;
  const int degree = count >= kSizesOfParabola ? 2 : 1;
  Eigen::Vector2d line;
  squares_around(x, y, 1, &line);
  const double between = squares_around(x, y, degree) / (count - degree - 1);
  const auto repeats = static_cast<double>(log_x.size()) - count;
  const double inside = repeats > 0 ? std::sqrt(within / repeats) : 0;
  const double total = (y.array() - y.mean()).square().sum() / (count - 1);
  const double spread = std::max(std::sqrt(between), inside);
  const bool follows =
      inside < kTight && between < kLoose * kLoose && 1 - between / total > kFollows;
  if (!(spread < kTight) && !follows) return std::nullopt;
  return Ray{line[1], line[0] - line[1] * middle, spread, count};
}

std::string describe(const Ray& ray, const char* x, const char* y) {
  return fmt::format(
      "log {} given log {} spreads by {:.2g} over {} sizes: exponents are not separable, a "
      "forecast "
      "holds along this ray only",
      y, x, ray.spread, ray.sizes);
}

std::vector<std::string> tokens_that_follow(const Records& records,
                                            const std::vector<std::size_t>& rows,
                                            const Points& points) {
  std::vector<double> log_n, log_d;
  for (const Point& each : points) {
    log_n.push_back(std::log(each.params));
    log_d.push_back(std::log(each.tokens));
  }
  std::vector<std::string> out;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    if (!names_tokens(records.columns[c])) continue;
    const std::vector<double> logs = logs_of(records, rows, c);
    // D itself, in whatever unit, is told apart by the fit.
    if (logs.size() != log_n.size() || ray_of(log_d, logs)) continue;
    const auto ray = ray_of(log_n, logs);
    if (!ray) continue;
    out.push_back(fmt::format(
        "'{0}' follows N in these rows ({0} ~ N^{1:.2f}, its log spreads by {2:.2g}): what is "
        "fitted as the effect of N is that of both",
        records.columns[c], ray->slope, ray->spread));
  }
  return out;
}

}  // namespace crosslaw::fit
