// Short versions of the tables of scripts/coverage.sh.
#include "tests/fit/few_runs/simulated.h"
#include "tests/support/catch.h"

using namespace few_runs;

namespace {

const Design& design(const std::vector<Design>& all, const std::string& name) {
  for (const Design& each : all) {
    if (each.name == name) return each;
  }
  throw std::invalid_argument("no design " + name);
}

}  // namespace

TEST_CASE("Intervals of few runs hold the truth as often as they say") {
  const std::vector<Design> all = coverage_designs();
  crosslaw::fit::FitOptions options;
  options.starts = 4;
  options.draws = 200;
  for (const char* name : {"8 runs", "12 runs", "WSD 8 x 6, not named", "two-stage, 6 continued"}) {
    const Coverage found = coverage_of(design(all, name), NoiseKind::kNormal, 60, options);
    double held = 0, intervals = 0;
    for (const Coverage::Answer& each : crosslaw::tests::some(found.answers)) {
      INFO(name << " " << each.name);
      // 60 sweeps at 95 %: fewer than 51 are less than 1 in 1,000; answers of a fit go together.
      CHECK(each.held >= 0.85 * each.intervals);
      held += each.held;
      intervals += each.intervals;
    }
    INFO(name);
    REQUIRE(intervals > 0);
    CHECK(held / intervals > 0.92);
  }
}
