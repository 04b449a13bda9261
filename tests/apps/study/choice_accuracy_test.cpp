#include "apps/study/choice_accuracy.h"

#include "tests/support/catch.h"

namespace crosslaw::apps {

// Digits of statsmodels.stats.proportion.proportion_confint(k, n, method = "wilson").
TEST_CASE("intervals of accuracies are Wilson's, at the ends, too") {
  const Accuracy half = accuracy(5, 10), none = accuracy(0, 20), all = accuracy(20, 20);
  CHECK(half.share == 0.5);
  CHECK(half.low == Approx(0.236593).epsilon(1e-5));
  CHECK(half.high == Approx(0.763407).epsilon(1e-5));
  CHECK(none.low == Approx(0).margin(1e-12));
  CHECK(none.high == Approx(0.161125).epsilon(1e-5));
  CHECK(all.low == Approx(1 - 0.161125).epsilon(1e-5));
  CHECK(all.high == Approx(1).margin(1e-12));
}

}  // namespace crosslaw::apps
