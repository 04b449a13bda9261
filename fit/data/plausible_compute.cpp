#include "fit/data/plausible_compute.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "fit/data/column_role.h"
#include "fit/data/median.h"

namespace crosslaw::fit {
namespace {

// C/6ND. Attention and head of tiny models count up to tenfold, forward passes alone a third.
constexpr double kLeastOfSixNd = 0.3, kMostOfSixNd = 10;
// Beyond these no count of a model's compute is; an answer by such a column would be nonsense.
constexpr double kLeastOfAny = 0.03, kMostOfAny = 100;
constexpr double kRowOff = 3;            // times what the rows of like N have
constexpr std::size_t kRowsOfLikeN = 9;  // nearest in N, the row itself among them
constexpr std::size_t kMostRowsOff = 3;  // one in so many; more are how the file is made
constexpr double kRunsDiffer = 10;       // 6ND, the most of the least
constexpr double kAboutTheSame = 1.5;    // C, the most of the least
constexpr double kLeastOfDense = 0.7;    // C/6ND; below, a column of active parameters may tell

struct ComputeUnit {
  const char* name;
  double factor;
};
constexpr std::array<ComputeUnit, 6> kComputes = {{{"GFLOPs", 1e9},
                                                   {"TFLOPs", 1e12},
                                                   {"PFLOPs", 1e15},
                                                   {"EFLOPs", 1e18},
                                                   {"PF-days", 8.64e19},
                                                   {"ZFLOPs", 1e21}}};

// The unit nearest to a factor, within so many powers of ten; null: none.
const ComputeUnit* unit_near(double factor, double most_off) {
  const ComputeUnit* best = nullptr;
  for (const ComputeUnit& one : kComputes) {
    const double off = std::abs(std::log10(factor / one.factor));
    if (off < most_off && (!best || off < std::abs(std::log10(factor / best->factor)))) best = &one;
  }
  return best;
}

std::vector<double> shares_of_six_nd(const Points& points, const PointSource& source) {
  std::vector<double> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    out.push_back(source.compute_flops[i] / (6 * points[i].params * points[i].tokens));
  }
  return out;
}

// About the same in runs that differ: a speed, a length, a name; no compute.
bool hardly_changes(const Points& points, const PointSource& source) {
  const auto [least, most] =
      std::minmax_element(source.compute_flops.begin(), source.compute_flops.end());
  const auto [low, high] = std::minmax_element(
      points.begin(), points.end(),
      [](const Point& a, const Point& b) { return a.params * a.tokens < b.params * b.tokens; });
  return *most < kAboutTheSame * *least &&
         high->params * high->tokens > kRunsDiffer * low->params * low->tokens;
}

// The column of active parameters by which C is 6ND, where that in use is of all experts.
std::optional<std::string> active_column(const Points& points, const PointSource& source,
                                         double ratio) {
  if (ratio >= kLeastOfDense) return std::nullopt;
  for (const std::string& column : source.records.columns) {
    const std::string words = words_in_name(column);
    if (column == source.params || role_rank(column, Role::kParams) == 0) continue;
    if (!holds_word(words, "active") && !holds_word(words, "activated")) continue;
    const CountUnit unit = count_unit_in_header(column);
    std::vector<double> shares;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto cell = read_number(
          source.records.rows[source.rows[i]][source.records.column(column)], source.records.mark);
      if (!cell || !(cell->value > 0)) continue;
      const double active = cell->value * (cell->scaled ? 1 : unit.factor);
      shares.push_back(source.compute_flops[i] / (6 * active * points[i].tokens));
    }
    if (shares.empty()) continue;
    const double share = upper_median(shares);
    if (std::abs(std::log(share)) < 0.5 * std::abs(std::log(ratio))) return column;
  }
  return std::nullopt;
}

// Rows whose C/6ND is far from the median and from that of the rows nearest in N.
std::vector<std::size_t> rows_off(const Points& points, const std::vector<double>& shares,
                                  double median) {
  const auto off = [](double a, double b) { return std::abs(std::log(a / b)) > std::log(kRowOff); };
  std::vector<std::size_t> order(points.size()), out;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return points[a].params < points[b].params;
  });
  const std::size_t width = std::min(kRowsOfLikeN, order.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    if (!off(shares[order[k]], median)) continue;
    const std::size_t first = std::min(k - std::min(k, width / 2), order.size() - width);
    std::vector<double> near;
    for (std::size_t j = first; j < first + width; ++j) near.push_back(shares[order[j]]);
    if (off(shares[order[k]], upper_median(near))) out.push_back(order[k]);
  }
  std::sort(out.begin(), out.end());
  if (out.size() * kMostRowsOff > points.size()) out.clear();
  return out;
}

// "it looks like EFLOPs: --flops-unit EFLOPs", for what may be called "compute" or "budget" and
// counted in other things.
std::string likely_unit(const std::string& column, const ComputeUnit& unit) {
  const bool says_flops = words_in_name(column).find("flop") != std::string::npos;
  return fmt::format(
      "{}it looks like {}: --flops-unit {}",
      says_flops ? "" : "hours of GPUs, dollars or lengths are no compute; if it is, ", unit.name,
      unit.name);
}

std::string doubt_about_share(const Points& points, const PointSource& source, double ratio) {
  const ComputeUnit* unit = unit_near(1 / ratio, 1);
  std::string looks = "one of the three is in another unit, or not what its name says";
  if (unit) looks = likely_unit(source.compute, *unit);
  if (hardly_changes(points, source)) looks = "it hardly changes where N and D do: a speed?";
  return fmt::format(
      "column '{}' is {:.2g} times 6ND (the median), where compute is {:g} to {:g} times that: {}; "
      "--flops-unit 1 takes the numbers as they stand",
      source.compute, ratio, kLeastOfSixNd, kMostOfSixNd, looks);
}

}  // namespace

bool settled(const CountUnit& unit) {
  return unit.by_flag && unit.factor == 1 && !unit.per_param && !unit.logarithm;
}

std::vector<Doubt> doubts_about_compute(const Points& points, const PointSource& source) {
  std::vector<Doubt> out;
  if (source.compute_flops.size() != points.size() || settled(source.compute_unit)) return out;
  // "C" of the context, say.
  const bool letter = !source.compute_in_use && source.compute.size() == 1;
  if (letter && hardly_changes(points, source)) return out;
  const std::vector<double> shares = shares_of_six_nd(points, source);
  const double ratio = upper_median(shares);
  if (!(ratio > 0)) return out;
  if (const auto active = active_column(points, source, ratio)) {
    out.push_back({fmt::format("column '{}' is {:.2g} times 6ND with N = '{}', and near 6ND with "
                               "'{}': a mixture of experts, whose compute the active parameters "
                               "make; --params '{}' fits by them",
                               source.compute, ratio, source.params, *active, *active),
                   false});
  } else if (ratio < kLeastOfSixNd || ratio > kMostOfSixNd) {
    const bool beyond_any = ratio < kLeastOfAny || ratio > kMostOfAny;
    out.push_back({doubt_about_share(points, source, ratio), source.compute_in_use && beyond_any});
    return out;
  }
  const std::vector<std::size_t> odd = rows_off(points, shares, ratio);
  if (odd.empty()) return out;
  std::vector<std::size_t> rows;
  for (const std::size_t i : odd) rows.push_back(source.rows[i]);
  out.push_back(
      {fmt::format("column '{}': {}: {:.2g} times 6ND beside a median of {:.2g}: compute, "
                   "N or D of these rows is in another unit, or of another run; "
                   "--flops-unit 1 takes the numbers as they stand",
                   source.compute, places(source.records, rows), shares[odd.front()], ratio),
       false});
  return out;
}

std::string doubt_about_small_compute(const Points& points, const PointSource& source,
                                      const std::string& range) {
  std::vector<double> params, tokens;
  for (const Point& each : points) {
    params.push_back(each.params);
    tokens.push_back(each.tokens);
  }
  // The unit that makes models of a usual size.
  const ComputeUnit* unit =
      unit_near(kUsualPerParam * upper_median(params) / upper_median(tokens), 1.5);
  return fmt::format(
      "column '{}' is no number of FLOPs: {} goes {}; {}, or --flops-unit 1 to take the numbers as "
      "they stand",
      source.compute, source.tokens, range,
      unit ? likely_unit(source.compute, *unit) : "say its unit with --flops-unit, such as EFLOPs");
}

std::string doubt_about_derived_ratio(const PointSource& source, double ratio) {
  return fmt::format(
      "column '{}': {} makes {:.3g} tokens a parameter (the median), where models see 1 to "
      "100,000: {}, or in another unit (--flops-unit)? --flops-unit 1 takes the numbers as they "
      "stand",
      source.compute, source.tokens == kTokensByCompute ? "D = C/(6N)" : "N = C/(6D)", ratio,
      ratio < 1 ? "is it what one GPU, one step or one second did, and not all of training"
                : "is it the compute of several runs");
}

}  // namespace crosslaw::fit
