#include "apps/charts/drawn_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace crosslaw::charts {
namespace {

constexpr std::size_t kMostDrawn = 4000;
constexpr std::size_t kFurthest = 400;

}  // namespace

DrawnPoints drawn_points(const std::vector<double>& residuals) {
  DrawnPoints out;
  std::vector<std::size_t> order(residuals.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() <= kMostDrawn) return {std::move(order), ""};
  const auto furthest = order.begin() + kFurthest;
  std::partial_sort(order.begin(), furthest, order.end(), [&](std::size_t a, std::size_t b) {
    const double x = std::abs(residuals[a]), y = std::abs(residuals[b]);
    return x != y ? x > y : a < b;
  });
  out.at.assign(order.begin(), furthest);
  std::sort(furthest, order.end());
  const std::size_t rest = order.size() - kFurthest, places = kMostDrawn - kFurthest;
  for (std::size_t k = 0; k < places; ++k)
    out.at.push_back(furthest[static_cast<std::ptrdiff_t>(k * rest / places)]);
  std::sort(out.at.begin(), out.at.end());
  out.note = fmt::format(
      " Of {} points {} are drawn: the {} furthest from the law and an even choice of the others.",
      residuals.size(), kMostDrawn, kFurthest);
  return out;
}

}  // namespace crosslaw::charts
