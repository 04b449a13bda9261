#include "fit/solve/verdict.h"

#include "fit/laws/laws.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

Estimate within(double low, double value, double high) {
  Estimate out;
  out.value = value;
  out.ci95 = Range{low, high};
  return out;
}

const CoefficientInfo& info(const char* name) {
  const Law& law = chinchilla_law();
  return law.coefficients[static_cast<std::size_t>(law.index(name))];
}

}  // namespace

TEST_CASE("A coefficient is known, weakly known or not by the width of its interval") {
  CHECK(verdict_of(info("E"), within(1.7, 1.8, 1.9), 0).degree == Knowledge::kKnown);
  CHECK(verdict_of(info("E"), within(1.2, 1.8, 2.0), 0).degree == Knowledge::kWeaklyKnown);
  CHECK(verdict_of(info("alpha"), within(0.3, 0.34, 0.4), 0).degree == Knowledge::kKnown);
  CHECK(verdict_of(info("beta"), within(0.1, 0.5, 0.9), 0).degree == Knowledge::kWeaklyKnown);
  CHECK(verdict_of(info("beta"), within(-0.1, 0.5, 1.9), 0).degree == Knowledge::kNotKnown);
  CHECK(verdict_of(info("B"), within(300, 500, 900), 0).degree == Knowledge::kKnown);
  const Verdict wide = verdict_of(info("B"), within(9.4, 500, 1.1e8), 0);
  CHECK(wide.degree == Knowledge::kNotKnown);
  CHECK_THAT(wide.reason, has_text("[9.4, 1.1e+08]"));
}

TEST_CASE("A floor that falls to 0 in some draws is known from above only") {
  const Verdict verdict = verdict_of(info("E"), within(1e-5, 1.0, 1.6), 0.26);
  CHECK(verdict.degree == Knowledge::kNotKnown);
  CHECK_THAT(verdict.reason, has_text("26 %") && has_text("below 1.6"));
  CHECK(verdict_of(info("E"), within(1.7, 1.8, 1.9), 0.01).usable());
}

TEST_CASE("A split is judged by the factor of its interval, and not known where draws have none") {
  CHECK(verdict_of_split("N*", within(0.8e9, 1e9, 1.3e9)).degree == Knowledge::kKnown);
  CHECK(verdict_of_split("N*", within(2e8, 1e9, 3e9)).degree == Knowledge::kWeaklyKnown);
  CHECK_FALSE(verdict_of_split("N*", within(1e6, 1e9, 3e9)).usable());
  Estimate open;
  open.value = 1e9;
  open.undefined = 0.1;
  CHECK_FALSE(verdict_of_split("N*", open).usable());
}

TEST_CASE("Degrees have names that read back") {
  for (const Knowledge each : {Knowledge::kKnown, Knowledge::kWeaklyKnown, Knowledge::kNotKnown}) {
    CHECK(find_knowledge(name_of(each)) == each);
  }
  CHECK_THROWS_WITH(find_knowledge("perhaps"), has_text("weakly known"));
}
