#pragma once

#include <string>

#include "fit/laws/law.h"

// The columns that a law reads beside N, D and the loss.
namespace crosslaw::fit {

// Why these points do not have what the law reads: no repeated tokens, too few target shares, a
// missing number; empty where they do. Of the stages see law_parts.h.
std::string why_unsuitable(const Law& law, const Points& points);
// The same of what a fit cannot do without, whatever it is asked: numbers that are missing.
std::string why_unreadable(const Law& law, const Points& points);

// What the law reads of a run beside N and D, such as "the share of target text"; empty: nothing.
std::string read_beside_size_and_tokens(const Law& law);

// What answers of N and D alone take for given of such a run, such as "training on target text
// alone (r = 1)"; empty: nothing. Repeats are left out where the unique tokens are known.
std::string taken_for_given(const Law& law, bool unique_known = false);

// Why N and D alone do not say what the law expects of a run; empty where they do, the run taken as
// one of target text without repeats.
std::string why_more_than_size_and_tokens(const Law& law);

}  // namespace crosslaw::fit
