#include "apps/study/design_points.h"

#include <algorithm>
#include <map>

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

constexpr const char* kPaper = "sweep/presets/paper.toml";

// Points of each run, by its cluster.
std::map<int, fit::Points> runs_of(const PlannedPoints& plan) {
  std::map<int, fit::Points> out;
  for (const fit::Point& each : plan.points) out[each.cluster].push_back(each);
  return out;
}

}  // namespace

TEST_CASE("The paper's sweep is planned with losses in mid-schedule") {
  const PlannedPoints plan = points_of_spec(kPaper, "");
  CHECK(plan.runs == 80);
  CHECK_THAT(plan.what, has_text("paper (zh): 80 runs") && has_text("mid-schedule"));
  const std::map<int, fit::Points> runs = runs_of(plan);
  CHECK(runs.size() == 80);
  int continued = 0;
  for (const auto& [id, points] : crosslaw::tests::some(runs)) {
    CHECK(points.size() > 5);
    CHECK(std::is_sorted(points.begin(), points.end(),
                         [](const auto& a, const auto& b) { return a.tokens < b.tokens; }));
    CHECK(points.front().tokens >= 0.1 * points.back().tokens);
    CHECK(points.front().params == points.back().params);
    continued += points.front().stage == fit::Stage::kContinued ? 1 : 0;
  }
  CHECK(continued == 40);
}

TEST_CASE("A sweep with several budgets a size is planned with the ends of its schedules") {
  const tests::SmallSweep sweep;
  const PlannedPoints plan = points_of_spec(sweep.spec, "");
  CHECK(plan.runs == 12);  // three sizes, two budgets, from scratch and continued
  CHECK(plan.points.size() == 12);
  CHECK_THAT(plan.what, has_text("small (fr): 12 runs, 12 losses") && !has_text("mid-schedule"));
  double flops = 0;
  for (const fit::Point& each : plan.points) flops += fit::training_flops(each);
  CHECK(plan.flops == Approx(flops));
  // Both budgets of one size, strategy and seed stand in one cluster.
  for (const auto& [id, points] : crosslaw::tests::some(runs_of(plan))) {
    REQUIRE(points.size() == 2);
    CHECK(points[0].params == points[1].params);
    CHECK(points[0].stage == points[1].stage);
  }
}

TEST_CASE("The source language has runs from scratch alone, and an unknown one is refused") {
  const PlannedPoints plan = points_of_spec(kPaper, "en");
  CHECK(plan.runs == 40);
  for (const fit::Point& each : crosslaw::tests::some(plan.points))
    CHECK(each.stage == fit::Stage::kScratch);
  CHECK_THROWS_WITH(points_of_spec(kPaper, "de"),
                    has_text("--language de") && has_text("it has: en zh"));
}

TEST_CASE("A grid has every size at every number of tokens a parameter") {
  const PlannedPoints plan = points_of_grid({1e8, 1e9}, {5, 20, 80}, false);
  REQUIRE(plan.points.size() == 6);
  CHECK(plan.runs == 6);
  CHECK(plan.points[4].params == 1e9);
  CHECK(plan.points[4].tokens == 2e10);
  CHECK(plan.points[4].cluster == plan.points[5].cluster);
  CHECK(plan.points[4].cluster != plan.points[2].cluster);
  CHECK(plan.flops == Approx(6 * (1e16 + 1e18) * 105));
  const PlannedPoints both = points_of_grid({1e8, 1e9}, {5, 20, 80}, true);
  REQUIRE(both.points.size() == 12);
  CHECK(both.points[6].stage == fit::Stage::kContinued);
  CHECK(both.points[6].params == 1e8);
}

TEST_CASE("Without a ladder candidates reach beyond the measured sizes and ratios") {
  const fit::DataRange covered{{1e7, 1e9}, {1e8, 1e11}, {5, 100}, {}, {}};
  const std::vector<fit::CandidateRun> runs = candidate_runs(covered, {}, false, {}, {});
  double least = 1e99, largest = 0, least_ratio = 1e99, largest_ratio = 0;
  for (const fit::CandidateRun& run : crosslaw::tests::some(runs)) {
    least = std::min(least, run.params);
    largest = std::max(largest, run.params);
    least_ratio = std::min(least_ratio, run.tokens / run.params);
    largest_ratio = std::max(largest_ratio, run.tokens / run.params);
    CHECK(run.tokens >= 1e8);
    CHECK(run.flops == Approx(6 * run.params * run.tokens));
    CHECK(run.stage == fit::Stage::kScratch);
  }
  CHECK(least == Approx(1e7));
  CHECK(largest == Approx(4e9));
  CHECK(least_ratio == Approx(5));
  CHECK(largest_ratio == Approx(200));
}

TEST_CASE("Candidates of a ladder have its names, costs and both stages") {
  const std::vector<fit::CandidateRun> runs =
      candidate_runs({{1e7, 1e9}, {1e8, 1e11}, {5, 100}, {}, {}}, {.constant = 7}, true,
                     {{"s", 1e6, {}}, {"m", 2e8, 3e9}}, {1, 40});
  REQUIRE(runs.size() == 8);
  CHECK(runs[0].name == "s");
  CHECK(runs[0].tokens == 1e6);  // a number of tokens that was asked for may be below the measured
  CHECK(runs[0].flops == Approx(7e12));
  CHECK(runs[0].stage == fit::Stage::kScratch);
  CHECK(runs[1].stage == fit::Stage::kContinued);
  CHECK(runs[1].flops == runs[0].flops);
  CHECK(runs[7].name == "m");
  CHECK(runs[7].flops == Approx(3e9 * 8e9));
}
