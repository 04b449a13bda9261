#include "fit/data/closest_name.h"

#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("The name that was likely meant is near, and none is better than a far one") {
  const std::vector<std::string> known = {"chinchilla", "extended", "two-stage", "N", "loss"};
  CHECK(closest_name("chinchila", known) == "chinchilla");
  CHECK(closest_name("Extended", known) == "extended");
  CHECK(closest_name("two_stage", known) == "two-stage");
  CHECK(closest_name("n", known) == "N");
  CHECK(closest_name("D", known).empty());
  CHECK(closest_name("quadratic", known).empty());
  CHECK(closest_name(std::string(100000, 'a'), known).empty());
  CHECK(did_you_mean("los", known) == "; did you mean 'loss'?");
  CHECK(did_you_mean("zzz", known).empty());
}
