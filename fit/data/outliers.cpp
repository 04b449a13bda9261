#include "fit/data/outliers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "fit/data/smooth_losses.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kEnoughForFarOff = 6;
constexpr double kFarScatters = 12;
constexpr double kFarLog = 0.336;  // log 1.4
constexpr double kAloneLog = 0.1;  // of a point whose neighbours lie closer
constexpr double kAloneTimes = 8;  // by this factor
constexpr std::size_t kNeighbours = 5;
constexpr double kExplained = 0.05;   // a residual of a point in another unit
constexpr double kBeyondOthers = 10;  // a count times this is no other unit
constexpr double kWideGap = 50;       // between two neighbouring counts
constexpr double kMuchBetter = 0.4;   // of the sum of residuals, when counts are in one unit

// Whether the points near one lie much closer to the surface than it does.
bool stands_alone(const Points& points, const SmoothLosses& surface,
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

std::vector<std::size_t> far_from(const SmoothLosses& surface, const Points& points) {
  std::vector<double> residuals;
  for (const Point& point : points) residuals.push_back(surface.residual(point));
  const double usual = kFarScatters * surface.scatter();
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double size = std::abs(residuals[i]);
    if (size < usual || size < kAloneLog) continue;
    if (size <= kFarLog &&
        (!surface.is_quadratic() || !stands_alone(points, surface, residuals, i))) {
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

bool is_near(double count, const Range& others) {
  return count >= others.low / kBeyondOthers && count <= others.high * kBeyondOthers;
}

// The best of those that bring a point to the surface, near what the others cover.
std::string looks_like(const SmoothLosses& surface, const Point& point, const DataRange& others) {
  std::string best;
  double least = std::max(kExplained, kFarScatters / 2 * surface.scatter());
  for (const Instead& each : alternatives(point)) {
    const bool covered =
        is_near(each.point.params, others.params) && is_near(each.point.tokens, others.tokens);
    const double off = std::abs(surface.residual(each.point));
    if (!covered || off >= least) continue;
    least = off;
    best = each.words;
  }
  return best;
}

// The threshold of losses that leaves out these points and no others, in few digits; absent: there
// is none, or the column is in another unit than the points.
std::optional<std::string> filter_for(const Points& points, const std::vector<std::size_t>& far,
                                      const Points& of_other_stages, const PointSource& source) {
  if (source.loss_unit != LossUnit::kUnsaid && source.loss_unit != LossUnit::kNats) {
    return std::nullopt;
  }
  std::vector<double> away, others;
  for (std::size_t i = 0; i < points.size(); ++i) {
    (std::binary_search(far.begin(), far.end(), i) ? away : others).push_back(points[i].loss);
  }
  for (const Point& each : of_other_stages) others.push_back(each.loss);
  const auto [lowest, highest] = std::minmax_element(away.begin(), away.end());
  const auto [low, high] = std::minmax_element(others.begin(), others.end());
  for (int digits = 4; digits <= 17; ++digits) {
    const std::string above = fmt::format("{:.{}g}", *lowest, digits);
    const std::string below = fmt::format("{:.{}g}", *highest, digits);
    const double least = parse_number(above).value_or(0), most = parse_number(below).value_or(0);
    if (*high < least && least <= *lowest) {
      return fmt::format("--where '{}<{}' leaves them out", source.loss, above);
    }
    if (*low > most && most >= *highest) {
      return fmt::format("--where '{}>{}' leaves them out", source.loss, below);
    }
  }
  return std::nullopt;
}

// "44 % above", "4.8 times", "99 % below".
std::string away_from(double log) {
  if (log > std::log(2)) return fmt::format("{:.3g} times", std::exp(log));
  return fmt::format("{:.2g} % {}", 100 * std::abs(std::expm1(log)), log > 0 ? "above" : "below");
}

Doubt doubt_about_far(const Points& points, const Points& of_other_stages,
                      const PointSource& source, const SmoothLosses& surface,
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
  if (highest > 0) out += away_from(highest);
  if (highest > 0 && lowest < 0) out += " and up to ";
  if (lowest < 0) out += away_from(lowest);
  out += " what the other rows let expect at their N and D";
  bool told = false;
  for (const auto& [words, which] : explained) {
    if (2 * which.size() < far.size()) continue;  // as chance would have it
    out += fmt::format("; {} would fit {}", places(source.records, which), words);
    told = true;
  }
  out += !told && lowest == 0 ? ": runs that diverged? " : "; ";
  out += filter_for(points, far, of_other_stages, source)
             .value_or("mend these lines, or leave them out");
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
    const double with = SmoothLosses(changed).cost();
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

// Places among the points, stage by stage: a continued model loses less than the surface of those
// from scratch says.
std::vector<std::vector<std::size_t>> by_stage(const Points& points) {
  std::map<Stage, std::vector<std::size_t>> out;
  for (std::size_t i = 0; i < points.size(); ++i) out[points[i].stage].push_back(i);
  std::vector<std::vector<std::size_t>> enough;
  for (auto& [stage, places] : out) {
    if (places.size() >= kEnoughForFarOff) enough.push_back(std::move(places));
  }
  return enough;
}

std::vector<Doubt> doubts_about_stage(const Points& points, const Points& of_other_stages,
                                      const PointSource& source) {
  const SmoothLosses surface(points);
  std::vector<Doubt> out;
  if (surface.is_quadratic()) {
    for (const bool of_params : {true, false}) {
      if (auto doubt = doubt_about_units(points, source, of_params, surface.cost())) {
        out.push_back(std::move(*doubt));
      }
    }
  }
  const std::vector<std::size_t> far = far_from(surface, points);
  if (out.empty() && !far.empty())
    out.push_back(doubt_about_far(points, of_other_stages, source, surface, far));
  return out;
}

}  // namespace

std::vector<std::size_t> far_off(const Points& points) {
  std::vector<std::size_t> out;
  if (have_more_than_size_and_tokens(points)) return out;
  for (const std::vector<std::size_t>& places : by_stage(points)) {
    Points mine;
    for (const std::size_t i : places) mine.push_back(points[i]);
    for (const std::size_t far : far_from(SmoothLosses(mine), mine)) out.push_back(places[far]);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Doubt> doubts_about_rows(const Points& points, const PointSource& source) {
  std::vector<Doubt> out;
  if (have_more_than_size_and_tokens(points)) return out;
  for (const std::vector<std::size_t>& places : by_stage(points)) {
    const Stage stage = points[places.front()].stage;
    Points mine, others;
    for (const Point& each : points) (each.stage == stage ? mine : others).push_back(each);
    PointSource of_mine = source;
    of_mine.rows.clear();
    for (const std::size_t i : places) of_mine.rows.push_back(source.rows[i]);
    for (Doubt& each : doubts_about_stage(mine, others, of_mine)) out.push_back(std::move(each));
  }
  return out;
}

}  // namespace crosslaw::fit
