#include "apps/study/choice_accuracy.h"

#include <cmath>

#include "fit/solve/distributions.h"

namespace crosslaw::apps {

Accuracy accuracy(std::int64_t correct, std::int64_t questions) {
  const auto n = static_cast<double>(questions);
  const double p = static_cast<double>(correct) / n, z2 = fit::kNormal975 * fit::kNormal975 / n;
  const double middle = (p + z2 / 2) / (1 + z2);
  const double half = std::sqrt(p * (1 - p) * z2 + z2 * z2 / 4) / (1 + z2);
  // At its ends the formula is exact but for rounding.
  return {p, std::fmax(0.0, middle - half), std::fmin(1.0, middle + half)};
}

}  // namespace crosslaw::apps
