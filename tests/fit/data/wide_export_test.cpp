#include "fit/data/wide_export.h"

#include "fit/data/records.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("A line plot saved by W&B becomes one row a run, with its last value") {
  const Records records = parse_records(
      "\"Step\",\"d12-125M - eval/loss\",\"d12-125M - eval/loss__MIN\",\"d12-125M - "
      "eval/loss__MAX\","
      "\"d24-1.3B - eval/loss\",\"d24-1.3B - eval/loss__MIN\",\"d24-1.3B - eval/loss__MAX\"\n"
      "100,4.5,4.4,4.6,4.0,3.9,4.1\n200,3.5,3.4,3.6,3.0,2.9,3.1\n300,,,,2.75,2.7,2.8\n",
      "w.csv", {});
  CHECK(records.columns == std::vector<std::string>{"run", "Step", "eval/loss", "params_in_name"});
  REQUIRE(records.rows.size() == 2);
  CHECK(records.rows[0] == std::vector<std::string>{"d12-125M", "200", "3.5", "125M"});
  CHECK(records.rows[1] == std::vector<std::string>{"d24-1.3B", "300", "2.75", "1.3B"});
  CHECK(records.lines == std::vector<std::size_t>{3, 4});
  CHECK_THAT(records.notes.at(0), has_text("line plot of 2 runs"));
}

TEST_CASE("Several metrics of a run become columns beside each other") {
  const Records records = parse_records(
      "tokens,a-125M-2B - loss,a-125M-2B - lr,b-350M-7B - loss,b-350M-7B - lr\n1e9,3.5,0.1,,\n"
      "2e9,3.25,0.05,3.0,0.1\n",
      "w.csv", {});
  CHECK(records.rows[0] ==
        std::vector<std::string>{"a-125M-2B", "2e9", "3.25", "0.05", "125M", "2B"});
  CHECK(records.rows[1][2] == "3.0");
}

TEST_CASE("Any other table stays as it is") {
  CHECK(parse_records("x - y,N,D\n1,2,3\n", "w.csv", {}).columns.size() == 3);
}

TEST_CASE("Runs that ended before the others have not seen the tokens of their names") {
  const Records left = parse_records(
      "Step,a-10M-1B - loss,b-20M-2B - loss,c-40M-4B - loss,d-40M-8B - loss\n"
      "500,3.5,3.4,3.3,3.2\n990,3.2,3.1,3.0,\n1000,3.2,,3.0,\n",
      "w.csv", {});
  REQUIRE(left.rows.size() == 3);
  CHECK(left.rows[2][0] == "c-40M-4B");
  CHECK_THAT(left.notes.at(2), has_text("'d-40M-8B' (at 500 of 1000)") && has_text("left out"));
  // Steps in proportion to the budget.
  const Records budgets = parse_records(
      "Step,a-10M-1B - loss,b-20M-2B - loss,c-40M-4B - loss,d-40M-8B - loss\n"
      "1000,3.5,3.4,3.3,3.2\n2000,,3.2,3.1,3.1\n4000,,,3.0,\n",
      "w.csv", {});
  REQUIRE(budgets.rows.size() == 3);
  CHECK_THAT(budgets.notes.at(2), has_text("'d-40M-8B' (at 2000 of 8000)"));
  const Records named = parse_records(
      "Step,a-10M - loss,b-20M - loss,c-40M - loss\n500,3.5,3.4,3.3\n1000,3.2,3.1,\n", "w.csv", {});
  CHECK(named.rows.size() == 3);
  CHECK_THAT(named.notes.at(2), has_text("'c-40M' (at 500 of 1000)") && has_text("fewer steps"));
}
