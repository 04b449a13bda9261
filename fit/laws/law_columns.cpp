#include "fit/laws/law_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace crosslaw::fit {
namespace {

constexpr double kSameShare = 1e-9;

bool all_have(const Points& points, double Point::*field) {
  return std::all_of(points.begin(), points.end(),
                     [field](const Point& point) { return point.*field > 0; });
}

bool any_repeats(const Points& points) {
  return std::any_of(points.begin(), points.end(),
                     [](const Point& point) { return unique_tokens(point) < point.tokens; });
}

int different_shares(const Points& points) {
  std::vector<double> shares;
  for (const Point& point : points) shares.push_back(point.target_share);
  std::sort(shares.begin(), shares.end());
  const auto same = [](double a, double b) { return b - a <= kSameShare; };
  return static_cast<int>(std::unique(shares.begin(), shares.end(), same) - shares.begin());
}

}  // namespace

std::string why_unreadable(const Law& law, const Points& points) {
  if (law.depends_on(Axis::kBase) && !all_have(points, &Point::base_tokens)) {
    return fmt::format("law {} needs the tokens that each model had seen before", law.name);
  }
  if (law.depends_on(Axis::kLossBefore) && !all_have(points, &Point::loss_before)) {
    return fmt::format("law {} needs the loss of each point before it was trained", law.name);
  }
  return "";
}

std::string why_unsuitable(const Law& law, const Points& points) {
  if (law.depends_on(Axis::kRepeats) && !any_repeats(points)) {
    return fmt::format("law {} needs points with unique tokens below tokens", law.name);
  }
  // E and k coefficients of the share from as many losses at each size: what fewer shares leave
  // open is a valley that no walk down comes to the end of.
  const auto of_share = std::count_if(law.coefficients.begin(), law.coefficients.end(),
                                      [](const auto& each) { return each.axis == Axis::kShare; });
  const int needed = std::max(2, static_cast<int>(of_share));
  if (const int there = different_shares(points); of_share > 0 && there < needed) {
    return fmt::format("law {} needs points of {} different target shares, and there {} {}",
                       law.name, needed, there == 1 ? "is" : "are", there);
  }
  return why_unreadable(law, points);
}

std::string read_beside_size_and_tokens(const Law& law) {
  for (const auto& [axis, what] :
       {std::pair{Axis::kRepeats, "how often it repeats its tokens"},
        std::pair{Axis::kShare, "the share of target text"},
        std::pair{Axis::kBase, "the tokens that the model had seen before"},
        std::pair{Axis::kLossBefore, "the loss before training"}}) {
    if (law.depends_on(axis)) return what;
  }
  return "";
}

std::string taken_for_given(const Law& law, bool unique_known) {
  const bool share = law.depends_on(Axis::kShare);
  const bool repeats = law.depends_on(Axis::kRepeats) && !unique_known;
  if (!share && !repeats) return "";
  return fmt::format("training on {}{}{}", share ? "target text alone (r = 1)" : "",
                     share && repeats ? ", " : "",
                     repeats ? "tokens that are seen once (D unique tokens)" : "");
}

std::string why_more_than_size_and_tokens(const Law& law) {
  for (const auto& [axis, what] :
       {std::pair{Axis::kBase, "the tokens that a model had seen before"},
        std::pair{Axis::kLossBefore, "the loss before training"}}) {
    if (!law.depends_on(axis)) continue;
    return fmt::format(
        "law {} ({}) also needs {}: N and D alone have no loss by it, and no optimum", law.name,
        law.formula, what);
  }
  return "";
}

}  // namespace crosslaw::fit
