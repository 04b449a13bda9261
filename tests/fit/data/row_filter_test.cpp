#include "fit/data/row_filter.h"

#include "fit/data/records.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using crosslaw::tests::has_text;

namespace {

const char* const kTwoSets = "set,N\nc4,1e8\nc4,2e9\npile,3e9\n";

std::vector<bool> kept(const char* condition) {
  return rows_with(parse_records(kTwoSets, "f.csv", {}), condition);
}

std::string instead(const char* condition) {
  return values_instead(parse_records(kTwoSets, "f.csv", {}), condition);
}

}  // namespace

TEST_CASE("a condition is read as spreadsheets and as programming languages write it") {
  const std::vector<bool> first_two = {true, true, false};
  for (const char* condition : {"set=c4", "set==c4", "set = 'c4'", "set==\"c4\"", "N<=2B"}) {
    INFO(condition);
    CHECK(kept(condition) == first_two);
  }
  CHECK(kept("set!=\"c4\"") == std::vector<bool>{false, false, true});
}

TEST_CASE("several conditions in one are refused with what to give instead") {
  for (const char* condition : {"N>1e8 and set=c4", "N>1e8 && N<3e9", "N>1e8, set=c4"}) {
    INFO(condition);
    CHECK_THROWS_WITH(kept(condition), has_text("a --where of its own"));
  }
  CHECK_THROWS_WITH(kept("N>many"), has_text("no number") && !has_text("--where"));
}

TEST_CASE("a value that no row has is told the values there are") {
  CHECK(instead("set=C4") == "; did you mean 'c4'?");
  CHECK(instead("set=wikipedia") == "; 'set' holds c4, pile");
  CHECK(instead("set=c4").empty());
  CHECK(instead("N=7").empty());
  CHECK(instead("N>1e12").empty());
}
