#include "fit/data/holdout_split.h"

#include <set>

#include "fit/data/data_file.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

Points with_params(const std::vector<double>& sizes) {
  Points out;
  for (const double size : sizes) out.push_back({size, 1e9, 3});
  return out;
}

}  // namespace

TEST_CASE("A factor given is taken as it is") {
  const Points points = with_params({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  const HoldoutPlan plan = split_by_rule(points, "largest-params:5");
  REQUIRE(plan.splits.size() == 1);
  CHECK(plan.splits[0].train == std::vector<int>{0, 1});  // max / 5 itself trains
  CHECK(plan.splits[0].test.size() == 8);
  CHECK(plan.notes.empty());
  CHECK(split_by_rule(points, "largest-compute:2").splits[0].train.size() == 5);
}

TEST_CASE("A factor nobody asked for leaves three quarters of the points") {
  const HoldoutPlan plan = split_by_rule(with_params({1, 2, 3, 4, 5, 6, 7, 8}), "largest-params");
  CHECK(plan.splits[0].test == std::vector<int>{6, 7});
  REQUIRE(plan.notes.size() == 1);
  CHECK_THAT(plan.notes[0], has_text("the largest quarter"));
  const HoldoutPlan wide = split_by_rule(with_params({1, 2, 3, 4, 5, 6, 7, 100}), "largest-params");
  CHECK(wide.splits[0].test == std::vector<int>{7});
  CHECK(wide.notes.empty());
}

TEST_CASE("Points of one size stay on one side") {
  // Of 8 points a quarter is 2, but three share the second largest size.
  const HoldoutPlan plan = split_by_rule(with_params({1, 2, 3, 4, 7, 7, 7, 8}), "largest-params");
  CHECK(plan.splits[0].test == std::vector<int>{7});
  const HoldoutPlan top = split_by_rule(with_params({1, 2, 3, 4, 7, 8, 8, 8}), "largest-params");
  CHECK(top.splits[0].test == std::vector<int>{5, 6, 7});
}

TEST_CASE("A rollout predicts each eighth of the upper half by all below it") {
  const Points points = planted::reference_points("chinchilla_epoch_240");
  const HoldoutPlan plan = split_by_rule(points, "rollout");
  REQUIRE(plan.splits.size() == 4);
  std::set<int> tested;
  std::size_t count = 0;
  for (const HoldoutSplit& split : plan.splits) {
    double highest = 0, lowest = 1e300;
    for (const int i : split.train) {
      highest = std::max(highest, training_flops(points[static_cast<std::size_t>(i)]));
    }
    for (const int i : split.test) {
      lowest = std::min(lowest, training_flops(points[static_cast<std::size_t>(i)]));
    }
    CHECK(highest < lowest);
    tested.insert(split.test.begin(), split.test.end());
    count += split.test.size();
  }
  CHECK(tested.size() == count);
  CHECK(count == 120);
}

TEST_CASE("Sizes and tokens are rolled out and held out as the compute is") {
  Points points;
  for (const double tokens : {4e9, 1e9, 2e9, 3e9}) {
    for (const double params : {1e8, 2e8, 3e8, 9e8}) points.push_back({params, tokens, 3});
  }
  CHECK(split_by_rule(points, "largest-tokens:1.5").splits[0].test ==
        std::vector<int>{0, 1, 2, 3, 12, 13, 14, 15});
  CHECK(split_by_rule(points, "largest-tokens").splits[0].test == std::vector<int>{0, 1, 2, 3});
  const HoldoutPlan sizes = split_by_rule(points, "rollout-params");
  REQUIRE(sizes.splits.size() == 2);
  CHECK(sizes.splits[0].test == std::vector<int>{2, 6, 10, 14});
  CHECK(sizes.splits[1].test == std::vector<int>{3, 7, 11, 15});
  CHECK_THAT(sizes.rule, has_text("over N"));
  const HoldoutPlan tokens = split_by_rule(points, "rollout-tokens");
  REQUIRE(tokens.splits.size() == 2);
  CHECK(tokens.splits[1].test == std::vector<int>{0, 1, 2, 3});
  CHECK(split_by_rule(points, "rollout-compute").splits.size() ==
        split_by_rule(points, "rollout").splits.size());
  for (const char* wrong : {"rollout-", "rollout-size", "rolloutparams", "largest-", "largest"})
    CHECK_THROWS_WITH(split_by_rule(points, wrong), has_text("is not known"));
}

TEST_CASE("Compute is what the source counted, where it did") {
  Points points = with_params({1, 2, 3, 4});
  points[0].flops = 1e30;
  CHECK(split_by_rule(points, "largest-compute:10").splits[0].test == std::vector<int>{0});
}

TEST_CASE("Rows are held out by any of several conditions, among those that are kept") {
  const Records records =
      parse_records("N,D,loss,run\n1,1,3,a\n2,1,3,b\n3,1,3,c\n4,1,3,b\n", "x.csv", {"N"});
  CHECK(rows_with_any(records, {1, 2, 3}, {"run=a", "run=c"}) ==
        std::vector<bool>{false, true, false});
  CHECK(rows_with_any(records, {0, 1, 2, 3}, {"N>=2"}) ==
        std::vector<bool>{false, true, true, true});
  CHECK_THROWS_WITH(rows_with_any(records, {0}, {"size=1"}), has_text("size"));
  CHECK(names_holdout_rule("rollout"));
  CHECK_FALSE(names_holdout_rule("N>=1e9"));
}

TEST_CASE("Runs on both sides of a split are counted") {
  Points points = with_params({1, 2, 3, 4});
  points[2].cluster = 0;
  points[3].cluster = 0;
  const HoldoutPlan plan = split_by_rows(points, {false, false, false, true}, "the last");
  REQUIRE(plan.notes.size() == 1);
  CHECK_THAT(plan.notes[0], has_text("1 of 1 held-out points"));
}

TEST_CASE("Splits that leave nothing and unknown rules are refused") {
  const Points points = with_params({1, 1, 1});
  CHECK_THROWS_WITH(split_by_rule(points, "largest-params"), has_text("nothing to test"));
  CHECK_THROWS_WITH(split_by_rule(points, "rollout"), has_text("nothing to test"));
  CHECK_THROWS_WITH(split_by_rows(points, {false, false, false}, "run=z"),
                    has_text("run=z leaves nothing to test"));
  CHECK_THROWS_WITH(split_by_rows(points, {true, true, true}, "N>0"), has_text("nothing to train"));
  CHECK_THROWS_WITH(split_by_rule(points, "largest-compute:1"), has_text("above 1"));
  CHECK_THROWS_WITH(split_by_rule(points, "largest-compute:x"), has_text("above 1"));
  CHECK_THROWS_WITH(split_by_rule(points, "rollout:3"), has_text("no factor"));
  CHECK_THROWS_WITH(split_by_rule(points, "newest"), has_text("'newest' is not known"));
}
