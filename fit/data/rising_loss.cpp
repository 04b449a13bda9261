#include "fit/data/rising_loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "fit/data/ranks.h"

namespace crosslaw::fit {
namespace {

constexpr double kRisesWithCompute = 0.5;  // rank correlation
constexpr std::size_t kEnoughRows = 6;     // and pairs of them
constexpr double kMostRise = 0.9;          // of neighbours; noise alone makes half of them

std::optional<std::string> rise_at_equal(const Points& points, const std::string& column,
                                         bool with_tokens) {
  std::map<double, std::vector<std::pair<double, double>>> groups;
  for (const Point& each : points) {
    groups[with_tokens ? each.params : each.tokens].emplace_back(
        with_tokens ? each.tokens : each.params, each.loss);
  }
  std::size_t pairs = 0, rising = 0;
  for (auto& [equal, group] : groups) {
    std::sort(group.begin(), group.end());
    for (std::size_t k = 1; k < group.size(); ++k) {
      if (group[k].first == group[k - 1].first) continue;
      ++pairs;
      rising += group[k].second > group[k - 1].second ? 1 : 0;
    }
  }
  const bool most = static_cast<double>(rising) > kMostRise * static_cast<double>(pairs);
  if (pairs < kEnoughRows || !most) return std::nullopt;
  return fmt::format(
      "column '{}' rises with {} at equal {} (in {} of {} pairs of neighbours); losses fall: is it "
      "another column, or over-fitted?",
      column, with_tokens ? "D" : "N", with_tokens ? "N" : "D", rising, pairs);
}

}  // namespace

std::optional<std::string> describe_rise(const Points& points, const std::string& column) {
  if (points.size() < kEnoughRows) return std::nullopt;
  std::vector<double> products, losses;
  for (const Point& each : points) {
    products.push_back(each.params * each.tokens);
    losses.push_back(each.loss);
  }
  const double rises = rank_correlation(products, losses);
  if (rises > kRisesWithCompute) {
    return fmt::format(
        "column '{}' rises with compute (rank correlation {:.2f}); losses fall: is it an accuracy, "
        "or a log-likelihood?",
        column, rises);
  }
  auto out = rise_at_equal(points, column, true);
  return out ? out : rise_at_equal(points, column, false);
}

}  // namespace crosslaw::fit
