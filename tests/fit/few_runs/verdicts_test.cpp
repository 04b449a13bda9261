// The short version of scripts/verdicts.sh.
#include "tests/fit/few_runs/verdicts.h"

#include "tests/support/catch.h"

using namespace few_runs;

TEST_CASE("What is called known is near the truth, and what no design can tell is not known") {
  constexpr int kDraws = 8;
  crosslaw::fit::FitOptions options;
  options.starts = 4;
  options.draws = 100;
  int known = 0, wrong = 0;
  for (const VerdictDesign& design : verdict_designs()) {
    const bool rich = design.name == "20 sizes x 3";
    const bool ray =
        design.name == "D = 20 N, 12 sizes" || design.name == "D/N within 6 %, 20 sizes";
    const bool bundle = design.name == "two sizes x 5";
    if (!rich && !ray && !bundle && design.name != "6 sizes x 4") continue;
    for (const VerdictCount& each : count_verdicts(design, kDraws, options)) {
      INFO(design.name << " " << each.name);
      known += each.known;
      wrong += each.false_known;
      if (rich) CHECK(each.not_known == 0);
      const bool exponent = each.name == "alpha" || each.name == "beta";
      if (ray && exponent) CHECK(each.known == 0);
    }
  }
  REQUIRE(known > 0);
  CHECK(wrong <= 0.05 * known);
}
