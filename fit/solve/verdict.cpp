#include "fit/solve/verdict.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

// Half the width of an interval up to which an answer is known, and weakly known.
struct Limits {
  double known;
  double weak;
};

// Levels, N* and losses are judged by the log of high / low.
constexpr Limits kFloorLimits{0.10, 0.75};
constexpr Limits kExponentLimits{0.15, 0.50};
const Limits kLevelLimits{std::log(4.0), std::log(1000.0)};
const Limits kSplitLimits{std::log(2.0), std::log(10.0)};
const Limits kLossLimits{0.02, 0.10};

Verdict by_width(std::string_view what, double half, const Limits& limits, const Range& interval) {
  if (half <= limits.known) return {};
  const bool weak = half <= limits.weak;
  return {weak ? Knowledge::kWeaklyKnown : Knowledge::kNotKnown,
          fmt::format("{} lies anywhere in [{:.4g}, {:.4g}]", what, interval.low, interval.high)};
}

Verdict by_factor(std::string_view what, const Estimate& spread, const Limits& limits) {
  if (spread.undefined > kTail) {
    return {Knowledge::kNotKnown, fmt::format("{} does not exist in {:.0f} % of the draws", what,
                                              100 * spread.undefined)};
  }
  // Without draws, or with the few that give no interval, nothing speaks against the value.
  if (!spread.ci95) return {};
  return by_width(what, 0.5 * std::log(spread.ci95->high / spread.ci95->low), limits, *spread.ci95);
}

}  // namespace

std::string_view name_of(Knowledge degree) {
  switch (degree) {
    case Knowledge::kKnown:
      return "known";
    case Knowledge::kWeaklyKnown:
      return "weakly known";
    case Knowledge::kNotKnown:
      return "not known";
  }
  throw std::logic_error("a degree without a name");
}

Knowledge find_knowledge(std::string_view name) {
  for (const Knowledge each : {Knowledge::kKnown, Knowledge::kWeaklyKnown, Knowledge::kNotKnown}) {
    if (name_of(each) == name) return each;
  }
  throw std::invalid_argument(
      fmt::format("'{}' must be \"known\", \"weakly known\" or \"not known\"", name));
}

Verdict verdict_of(const CoefficientInfo& info, const Estimate& spread, double to_floor) {
  if (to_floor > kTail) {
    const bool floor = info.kind == Kind::kFloor;
    std::string reason =
        fmt::format("{} {} in {:.0f} % of the draws", info.name,
                    floor ? "falls to 0" : "reaches the bound of the search", 100 * to_floor);
    if (floor && spread.ci95) {
      reason += fmt::format(": all that is known is that it lies below {:.4g}", spread.ci95->high);
    }
    return {Knowledge::kNotKnown, reason};
  }
  if (!spread.ci95 || !spread.value) return {};
  const Range& interval = *spread.ci95;
  if (info.kind == Kind::kExponent) {
    return by_width(info.name, 0.5 * (interval.high - interval.low), kExponentLimits, interval);
  }
  if (info.kind == Kind::kFloor) {
    return by_width(info.name, 0.5 * (interval.high - interval.low) / *spread.value, kFloorLimits,
                    interval);
  }
  return by_factor(info.name, spread, kLevelLimits);
}

Verdict verdict_of_split(std::string_view what, const Estimate& spread) {
  return by_factor(what, spread, kSplitLimits);
}

Verdict verdict_of_loss(std::string_view what, const Estimate& spread) {
  return by_factor(what, spread, kLossLimits);
}

}  // namespace crosslaw::fit
