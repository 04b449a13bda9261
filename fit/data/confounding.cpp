#include "fit/data/confounding.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

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

}  // namespace crosslaw::fit
