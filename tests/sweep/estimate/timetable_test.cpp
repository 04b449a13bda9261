#include "sweep/estimate/timetable.h"

#include <algorithm>
#include <random>

#include "tests/support/catch.h"
#include "tests/sweep/estimate/planned_runs.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

using tests::add_planned_run;

struct World {
  Plan plan;
  std::vector<RunEstimate> estimates;
  SweepSpec spec;

  void add(int64_t steps, int64_t gpus = 1) { add_planned_run(plan, estimates, steps, gpus); }
  void continues(std::size_t child, std::size_t parent) {
    plan.runs[child].parent = {parent, plan.runs[parent].row.steps};
  }
  Timetable timetable(int64_t count) const { return make_timetable(plan, estimates, spec, count); }
};

// Runs of random lengths and widths, a third of which continue an earlier one.
World random_world(std::mt19937& random, int64_t widest) {
  World world;
  for (std::size_t i = 0; i < 30; ++i) {
    world.add(1 + static_cast<int64_t>(random() % 50),
              int64_t{1} << (random() % static_cast<unsigned>(widest)));
    if (i > 0 && random() % 3 == 0) world.continues(i, random() % i);
  }
  return world;
}

double longest_chain(const World& world, std::size_t run) {
  double longest = 0;
  for (std::size_t i = run + 1; i < world.plan.runs.size(); ++i) {
    if (world.plan.runs[i].parent && world.plan.runs[i].parent->run == run)
      longest = std::max(longest, longest_chain(world, i));
  }
  return world.estimates[run].seconds() + longest;
}

// At each start: GPUs in use by what trains at that instant.
int64_t most_in_use(const World& world, const Timetable& timetable) {
  int64_t most = 0;
  for (const TimetableEntry& at : timetable.runs) {
    int64_t used = 0;
    for (std::size_t i = 0; i < timetable.runs.size(); ++i) {
      if (timetable.runs[i].start <= at.start && at.start < timetable.runs[i].end)
        used += world.estimates[i].gpus;
    }
    most = std::max(most, used);
  }
  return most;
}

}  // namespace

TEST_CASE("no GPU trains two runs at once and no run starts before what it continues is done") {
  std::mt19937 random(7);
  for (int trial = 0; trial < 50; ++trial) {
    const World world = random_world(random, 3);
    const Timetable timetable = world.timetable(4);
    CHECK(most_in_use(world, timetable) <= 4);
    double work = 0, end = 0;
    for (std::size_t i = 0; i < timetable.runs.size(); ++i) {
      REQUIRE(timetable.runs[i].trained);
      CHECK(timetable.runs[i].end - timetable.runs[i].start ==
            Approx(world.estimates[i].seconds()));
      if (world.plan.runs[i].parent)
        CHECK(timetable.runs[i].start >= timetable.runs[world.plan.runs[i].parent->run].end);
      work += world.estimates[i].gpu_seconds();
      end = std::max(end, timetable.runs[i].end);
    }
    CHECK(timetable.wall_seconds == end);
    CHECK(timetable.busy_share == Approx(work / (4 * end)));
  }
}

// Graham 1966: list scheduling of runs on one GPU each takes at most 2 - 1/G of the best.
TEST_CASE("the wall time lies between its two bounds and Graham's") {
  std::mt19937 random(8);
  for (int trial = 0; trial < 50; ++trial) {
    const World world = random_world(random, 1);
    double chain = 0, work = 0;
    for (std::size_t i = 0; i < world.plan.runs.size(); ++i) {
      chain = std::max(chain, longest_chain(world, i));
      work += world.estimates[i].seconds();
    }
    for (int64_t gpus : {1, 2, 5, 1000}) {
      const Timetable timetable = world.timetable(gpus);
      const double least = std::max(chain, work / static_cast<double>(gpus));
      CHECK(timetable.critical_seconds == Approx(chain));
      CHECK(timetable.wall_seconds >= least * (1 - 1e-12));
      CHECK(timetable.wall_seconds <= (2 - 1 / static_cast<double>(gpus)) * least * (1 + 1e-12));
      if (gpus == 1000) CHECK(timetable.wall_seconds == Approx(chain));
    }
  }
}

TEST_CASE("the critical path is the chain whose times add up to it") {
  World world;
  world.add(5), world.add(3), world.add(4), world.add(9), world.add(2);
  world.continues(2, 0), world.continues(4, 2);
  const Timetable timetable = world.timetable(8);
  CHECK(timetable.critical_path == std::vector<std::size_t>{0, 2, 4});
  CHECK(timetable.critical_seconds == 11);
}

TEST_CASE("a branch starts when its trunk publishes, not when it ends") {
  World world;
  world.add(100), world.add(50);
  world.plan.runs[1].trunk = {0, 40};
  world.estimates[1].training_seconds = 10;
  world.plan.runs[0].publish_steps = {40};
  const Timetable timetable = world.timetable(2);
  CHECK(timetable.runs[1].start == Approx(40));
  CHECK(timetable.wall_seconds == Approx(100));
  // Its point is kept until it is done; two sets of final weights stay.
  const trainer::ModelShape& shape = world.plan.runs[0].recipe.model;
  CHECK(timetable.final_disk_bytes == Approx(2 * trainer::checkpoint_bytes(shape, false)));
  CHECK(timetable.peak_disk_bytes >= trainer::checkpoint_bytes(shape, true));
}

TEST_CASE("resume points of what trains at once are part of the peak, not of the end") {
  World world;
  world.spec.train.checkpoint_every_seconds = 10;
  world.add(100), world.add(100), world.add(5);
  const trainer::ModelShape& shape = world.plan.runs[0].recipe.model;
  const Timetable timetable = world.timetable(2);
  CHECK(timetable.final_disk_bytes == Approx(3 * trainer::checkpoint_bytes(shape, false)));
  // Two runs with two points each, and one that is too short for any.
  CHECK(timetable.peak_disk_bytes >= 4 * trainer::checkpoint_bytes(shape, true));
  CHECK(timetable.peak_disk_bytes <=
        4 * trainer::checkpoint_bytes(shape, true) + 3 * trainer::checkpoint_bytes(shape, false));
}

TEST_CASE("what cannot be trained holds up what starts from it and nothing else") {
  World world;
  world.add(5), world.add(3), world.add(4);
  world.continues(2, 0);
  world.estimates[0].problem = "too large";
  const Timetable timetable = world.timetable(1);
  CHECK_FALSE(timetable.runs[0].trained);
  CHECK_FALSE(timetable.runs[2].trained);
  CHECK(timetable.runs[1].trained);
  CHECK(timetable.wall_seconds == 3);
}

}  // namespace crosslaw::sweep
