#include "apps/study/measured_savings.h"

#include <cmath>

#include "apps/study/law_savings.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

namespace {

// Tokens from scratch at which the planted law reaches a loss, by bisection.
double planted_tokens(const std::string& scratch, double params, double loss) {
  double low = 1, high = 1e15;
  while (high / low > 1 + 1e-12) {
    const double middle = std::sqrt(low * high);
    (tests::planted_loss(scratch, params, middle) > loss ? low : high) = middle;
  }
  return low;
}

double planted_share(const LanguagePair& pair, double params, double tokens) {
  const double loss = tests::planted_loss(pair.continued, params, tokens);
  return 1 - tokens / planted_tokens(pair.scratch, params, loss);
}

}  // namespace

TEST_CASE("Measured savings are those of the planted laws") {
  const LanguagePair& pair = planted_demo().observations.pairs()[0];
  const std::vector<MeasuredSaving> found = measured_savings(planted_demo().observations, pair);
  CHECK(found.size() == 119);  // 40 sizes at three budgets, one of which diverged
  double error = 0;
  for (const MeasuredSaving& saving : found)
    error += saving.saved_share - planted_share(pair, saving.params, saving.tokens);
  CHECK(std::abs(error / static_cast<double>(found.size())) < 0.03);
}

TEST_CASE("Tokens, FLOPs and shares of one saving say the same") {
  const LanguagePair& pair = planted_demo().observations.pairs()[0];
  for (const MeasuredSaving& saving :
       tests::some(measured_savings(planted_demo().observations, pair))) {
    CHECK(saving.saved_share == Approx(1 - saving.flops / saving.scratch_flops));
    CHECK(saving.transferred_tokens == Approx(saving.scratch_tokens - saving.tokens));
    CHECK(saving.tokens_per_param == Approx(saving.tokens / saving.params));
    CHECK(saving.flops / saving.tokens > 6 * saving.params);  // attention and head cost as well
  }
}

TEST_CASE("The fitted laws save what the planted ones save, with an interval around it") {
  const PairFits& fits = planted_demo().fits[0];
  const std::vector<LawSaving> found = law_savings(*fits.find("two-stage"));
  REQUIRE(found.size() == 27);  // three sizes, nine numbers of tokens
  for (const LawSaving& saving : found) {
    INFO(saving.params << " parameters, " << saving.tokens << " tokens");
    REQUIRE(saving.saved_share.value);
    CHECK(*saving.saved_share.value ==
          Approx(planted_share(fits.pair, saving.params, saving.tokens)).margin(0.06));
    REQUIRE(saving.saved_share.ci95);
    CHECK(saving.saved_share.ci95->low <= *saving.saved_share.value);
    CHECK(*saving.saved_share.value <= saving.saved_share.ci95->high);
  }
}
