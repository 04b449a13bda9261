#pragma once

#include <string>
#include <string_view>

#include "fit/laws/law.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {

// How well an answer is known: a number to use; an interval to use, not the number in it; neither.
enum class Knowledge { kKnown, kWeaklyKnown, kNotKnown };

std::string_view name_of(Knowledge degree);  // "known", "weakly known", "not known"
// Throws std::invalid_argument naming the degrees.
Knowledge find_knowledge(std::string_view name);

struct Verdict {
  Knowledge degree = Knowledge::kKnown;
  std::string reason;  // a plain sentence; empty where it is known

  bool usable() const { return degree != Knowledge::kNotKnown; }
};

// Of a coefficient by its 95 % interval: E within 10 % is known and within 75 % weakly, a level
// within a factor of 4 and of 1,000, an exponent within 0.15 and 0.5, each to either side.
// `to_floor`: share of the draws in which it stands at 0 or at a bound; above 2.5 % one end of the
// interval is open.
Verdict verdict_of(const CoefficientInfo& info, const Estimate& spread, double to_floor);

// Of N* or D*: within a factor of 2 to either side it is known, of 10 weakly. Of a loss: 2 % and 10
// %.
Verdict verdict_of_split(std::string_view what, const Estimate& spread);
Verdict verdict_of_loss(std::string_view what, const Estimate& spread);

}  // namespace crosslaw::fit
