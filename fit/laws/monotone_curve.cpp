#include "fit/laws/monotone_curve.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <utility>

namespace crosslaw::fit {
namespace {

// At an end: the slope there of the parabola through three points, held to what keeps the piece
// monotone.
double end_slope(double near_step, double far_step, double near_chord, double far_chord) {
  const double slope =
      ((2 * near_step + far_step) * near_chord - near_step * far_chord) / (near_step + far_step);
  if (slope * near_chord <= 0) return 0;
  if (near_chord * far_chord <= 0 && std::abs(slope) > 3 * std::abs(near_chord))
    return 3 * near_chord;
  return slope;
}

// Inside: the weighted harmonic mean of both chords; 0 where they have unlike signs.
double inner_slope(double left_step, double right_step, double left, double right) {
  if (left * right <= 0) return 0;
  const double a = 2 * right_step + left_step, b = right_step + 2 * left_step;
  return (a + b) / (a / left + b / right);
}

}  // namespace

MonotoneCurve::MonotoneCurve(std::vector<double> x, std::vector<double> y) {
  if (x.empty() || x.size() != y.size())
    throw std::invalid_argument("a curve needs points, with one y for each x");
  std::map<double, std::pair<double, int>> sums;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sums[x[i]].first += y[i];
    ++sums[x[i]].second;
  }
  for (const auto& [at, sum] : sums) {
    x_.push_back(at);
    y_.push_back(sum.first / sum.second);
  }
  const std::size_t n = x_.size();
  slope_.assign(n, 0);
  if (n == 1) return;
  std::vector<double> step, chord;
  for (std::size_t i = 0; i + 1 < n; ++i) {
    step.push_back(x_[i + 1] - x_[i]);
    chord.push_back((y_[i + 1] - y_[i]) / step[i]);
  }
  slope_.front() = slope_.back() = chord.front();
  if (n == 2) return;
  for (std::size_t i = 1; i + 1 < n; ++i)
    slope_[i] = inner_slope(step[i - 1], step[i], chord[i - 1], chord[i]);
  slope_.front() = end_slope(step[0], step[1], chord[0], chord[1]);
  slope_.back() = end_slope(step[n - 2], step[n - 3], chord[n - 2], chord[n - 3]);
}

std::size_t MonotoneCurve::next_after(double x) const {
  return static_cast<std::size_t>(std::upper_bound(x_.begin(), x_.end(), x) - x_.begin());
}

double MonotoneCurve::chord(double x) const {
  if (x <= x_.front() || x >= x_.back()) return at(x);
  const std::size_t next = next_after(x), i = next - 1;
  return y_[i] + (y_[next] - y_[i]) * (x - x_[i]) / (x_[next] - x_[i]);
}

double MonotoneCurve::at(double x) const {
  if (x <= x_.front()) return y_.front() + slope_.front() * (x - x_.front());
  if (x >= x_.back()) return y_.back() + slope_.back() * (x - x_.back());
  const std::size_t next = next_after(x), i = next - 1;
  const double h = x_[next] - x_[i], t = (x - x_[i]) / h;
  // Hermite's cubic.
  return y_[i] * (1 + 2 * t) * (1 - t) * (1 - t) + h * slope_[i] * t * (1 - t) * (1 - t) +
         y_[next] * t * t * (3 - 2 * t) + h * slope_[next] * t * t * (t - 1);
}

std::optional<double> MonotoneCurve::reaches(double y) const {
  const auto along = [&](std::size_t end) -> std::optional<double> {
    if (!(slope_[end] < 0)) return std::nullopt;
    return x_[end] + (y - y_[end]) / slope_[end];
  };
  if (x_.size() < 2) return std::nullopt;
  if (y > y_.front()) return along(0);
  for (std::size_t i = 0; i + 1 < x_.size(); ++i) {
    if (y < y_[i + 1]) continue;
    double low = x_[i], high = x_[i + 1];
    for (int k = 0; k < 60; ++k) {
      const double middle = 0.5 * (low + high);
      (at(middle) > y ? low : high) = middle;
    }
    return 0.5 * (low + high);
  }
  return along(x_.size() - 1);
}

std::vector<double> falling(const std::vector<double>& values) {
  struct Block {
    double sum;
    std::size_t size;
    double mean() const { return sum / static_cast<double>(size); }
  };
  std::vector<Block> blocks;
  for (const double value : values) {
    blocks.push_back({value, 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean() < blocks.back().mean()) {
      blocks[blocks.size() - 2].sum += blocks.back().sum;
      blocks[blocks.size() - 2].size += blocks.back().size;
      blocks.pop_back();
    }
  }
  std::vector<double> out;
  for (const Block& block : blocks) out.insert(out.end(), block.size, block.mean());
  return out;
}

}  // namespace crosslaw::fit
