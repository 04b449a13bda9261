// What a run starts from, and which checkpoints are kept.
#include <csignal>
#include <fstream>

#include "sweep/schedule/scheduler.h"
#include "tests/support/catch.h"
#include "tests/support/fake_launcher.h"
#include "tests/support/sweep_world.h"

namespace crosslaw::sweep {
namespace {

using db::Outcome;
using tests::FakeEnd;
using tests::FakeLauncher;
using tests::SweepWorld;
using trainer::TrainConfig;

bool is_source_l(const TrainConfig& config) {
  return config.recipe.mixture[0].language == "en" && config.recipe.model.hidden == 16;
}

// What the attempts at the source of size l were given to start from, as "attempt-1/checkpoint-…".
std::vector<std::vector<std::string>> starts_of_source_l(const FakeLauncher& launcher) {
  std::vector<std::vector<std::string>> all;
  for (const TrainConfig& config : launcher.started) {
    if (!is_source_l(config)) continue;
    all.emplace_back();
    for (const std::filesystem::path folder : config.execution.start_checkpoints)
      all.back().push_back(folder.parent_path().filename() / folder.filename());
  }
  return all;
}

FakeEnd killed_after(std::vector<int64_t> checkpoints) {
  return {.writes_result = false, .code = {}, .signal = SIGKILL, .checkpoints = checkpoints};
}

}  // namespace

TEST_CASE(
    "a killed run is given its own checkpoints, the newest first, whichever attempt made them") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig& config, int64_t n) {
    if (!is_source_l(config) || n > 3) return FakeEnd{};
    return n == 1 ? killed_after({3, 7}) : n == 2 ? killed_after({}) : killed_after({9});
  });
  world.scheduler(launcher).run();
  const std::vector<std::string> after_first = {"attempt-1/checkpoint-00000007",
                                                "attempt-1/checkpoint-00000003"};
  CHECK(starts_of_source_l(launcher) ==
        std::vector<std::vector<std::string>>{
            {},
            after_first,
            after_first,
            {"attempt-3/checkpoint-00000009", after_first[0], after_first[1]}});
}

TEST_CASE("what a crash left half-written is gone when the run is done, and nothing else is") {
  SweepWorld world;
  FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
    if (!is_source_l(config) || n > 1) return FakeEnd{};
    const std::filesystem::path attempt =
        world.folder / "runs" / trainer::run_key(config.recipe) / "attempt-1";
    std::filesystem::create_directories(attempt / "checkpoint-00000009.tmp");
    for (const char* name : {"config.json.tmp", "result.json.tmp", "notes.txt",
                             "checkpoint-00000009.tmp/model.safetensors"})
      std::ofstream(attempt / name) << "half";
    return killed_after({3});
  });
  world.scheduler(launcher).run();
  std::vector<std::string> kept;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world.folder / "runs")) {
    const std::string name = entry.path().filename();
    if (name.find(".tmp") != std::string::npos || name == "notes.txt") kept.push_back(name);
  }
  CHECK(kept == std::vector<std::string>{"notes.txt"});
}

TEST_CASE("a checkpoint whose folder is gone is not offered") {
  SweepWorld world;
  FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
    if (!is_source_l(config) || n > 2) return FakeEnd{};
    if (n == 2) {
      std::filesystem::remove_all(world.folder / "runs" / trainer::run_key(config.recipe) /
                                  "attempt-1" / trainer::checkpoint_name(7));
    }
    return n == 1 ? killed_after({3, 7}) : killed_after({});
  });
  world.scheduler(launcher).run();
  CHECK(starts_of_source_l(launcher).back() ==
        std::vector<std::string>{"attempt-1/checkpoint-00000003"});
}

TEST_CASE("a step that is published again by a later attempt is taken from that one") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig& config, int64_t n) {
    return is_source_l(config) && n <= 2 ? killed_after({5}) : FakeEnd{};
  });
  world.scheduler(launcher).run();
  CHECK(starts_of_source_l(launcher).back() ==
        std::vector<std::string>{"attempt-2/checkpoint-00000005"});
}

TEST_CASE("of a done run only the final checkpoint is on record") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig&, int64_t n) {
    return n == 1 ? killed_after({2, 4}) : FakeEnd{};
  });
  world.scheduler(launcher).run();
  for (const db::RunRow& run : world.store.runs()) {
    auto kept = world.store.checkpoints(run.id);
    REQUIRE(kept.size() == 1);
    CHECK(kept[0].step == run.steps);
  }
}

TEST_CASE(
    "a branch waits for its trunk's checkpoint, and trains alone when the trunk is hopeless") {
  for (bool hopeless : {false, true}) {
    SweepWorld world;
    auto is_trunk = [&](const PlannedRun& run) { return !run.publish_steps.empty(); };
    FakeLauncher launcher([&](const TrainConfig& config, int64_t) {
      return hopeless && is_trunk(world.run_of(config))
                 ? FakeEnd{.outcome = trainer::Outcome::kDiverged, .message = "step 1"}
                 : FakeEnd{};
    });
    world.scheduler(launcher, 1).run();
    int64_t branches = 0;
    for (size_t i = 0; i < launcher.started.size(); ++i) {
      const PlannedRun& run = world.run_of(launcher.started[i]);
      if (!run.trunk) continue;
      ++branches;
      CHECK(launcher.started[i].execution.start_checkpoints.size() == (hopeless ? 0 : 1));
      // The trunk was started before it.
      const std::string& trunk = world.plan.runs[run.trunk->run].row.key;
      CHECK(std::any_of(launcher.started.begin(), launcher.started.begin() + static_cast<long>(i),
                        [&](const TrainConfig& c) { return trainer::run_key(c.recipe) == trunk; }));
    }
    CHECK(branches == 6);
  }
}

TEST_CASE("lost final checkpoints are made again only where a run still needs them") {
  SweepWorld world;
  FakeLauncher first;
  world.scheduler(first).run();
  std::filesystem::remove_all(world.folder / "runs");
  // All losses are there and nothing waits for a parent: nothing to do.
  FakeLauncher second;
  world.scheduler(second).run();
  CHECK(second.started.empty());
  // A new budget for continued runs needs the sources; the sources need nothing.
  world.files.edit("[2, 4]", "[2, 4, 8]");
  world.replan();
  FakeLauncher third;
  world.scheduler(third).run();
  std::map<std::string, int64_t> by_strategy;
  for (const TrainConfig& config : third.started) ++by_strategy[world.run_of(config).row.strategy];
  CHECK(by_strategy ==
        std::map<std::string, int64_t>{{"source", 3}, {"scratch", 3}, {"continued", 3}});
  CHECK(world.times_said("its final checkpoint is needed and unusable") == 3);
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, 21}});
}

TEST_CASE("branch points of a database that was filled again from done runs are dropped") {
  SweepWorld world;
  FakeLauncher first;
  world.scheduler(first).run();
  std::vector<std::filesystem::path> left;
  for (const PlannedRun& run : world.plan.runs) {
    for (const db::RunRow& row : world.store.runs()) {
      if (row.key != run.row.key || run.publish_steps.empty()) continue;
      const std::string folder =
          "runs/" + row.key + "/attempt-1/" + trainer::checkpoint_name(run.publish_steps[0]);
      std::filesystem::create_directories(world.folder / folder);
      for (const db::AttemptRow& attempt : world.store.attempts()) {
        if (attempt.run_id != row.id) continue;
        world.store.ingest(
            row.id, attempt.id,
            {.checkpoints = {{run.publish_steps[0], folder}}, .log_offset = attempt.log_offset});
        left.push_back(world.folder / folder);
      }
    }
  }
  REQUIRE(left.size() >= 3);
  FakeLauncher second;
  world.scheduler(second).run();
  CHECK(second.started.empty());
  for (const std::filesystem::path& folder : left) CHECK_FALSE(std::filesystem::exists(folder));
  for (const db::RunRow& run : world.store.runs())
    CHECK(world.store.checkpoints(run.id).size() == 1);
}

TEST_CASE("a base on the source's way is kept until all that continue it are done, then dropped") {
  SweepWorld world("from = \"source\"", "from = \"source\"\nfrom_tokens_per_param = [1, 3]");
  FakeLauncher launcher;
  world.scheduler(launcher).run();
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, 21}});
  int64_t continued = 0;
  for (const TrainConfig& config : launcher.started) {
    const PlannedRun& run = world.run_of(config);
    if (!run.parent) continue;
    ++continued;
    const std::filesystem::path base = config.execution.parent_checkpoint;
    CHECK(base.filename() == trainer::checkpoint_name(run.parent->step));
    CHECK(base.parent_path().parent_path().filename() == *run.row.parent_key);
    CHECK_FALSE(std::filesystem::exists(base));
  }
  CHECK(continued == 12);
}

TEST_CASE("a lost base is made again: its run does not resume behind it") {
  SweepWorld world("from = \"source\"", "from = \"source\"\nfrom_tokens_per_param = [1, 3]");
  bool lost = false;
  int64_t first_base = 0;
  FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
    const PlannedRun& run = world.run_of(config);
    const PlannedRun* largest = &world.plan.runs[2];
    if (&run == largest && n == 1) first_base = run.publish_steps.front();
    // The first run that continues the largest source finds its base gone.
    if (!run.parent || run.row.size != largest->row.size || lost) return FakeEnd{};
    lost = true;
    const std::filesystem::path base = config.execution.parent_checkpoint;
    std::filesystem::remove_all(base.parent_path() / trainer::checkpoint_name(first_base));
    return FakeEnd{.outcome = trainer::Outcome::kRefused, .code = 1};
  });
  world.scheduler(launcher, 1).run();
  CHECK(lost);
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, 21}});
  CHECK(world.times_said("is needed and unusable") == 1);
  int64_t starts = 0;
  for (const TrainConfig& config : launcher.started) {
    if (&world.run_of(config) != &world.plan.runs[2]) continue;
    ++starts;
    for (const std::filesystem::path start : config.execution.start_checkpoints)
      CHECK(start.filename() <= trainer::checkpoint_name(first_base));
  }
  CHECK(starts == 2);
}

TEST_CASE("a parent's damage that only the hash shows is found when a child is refused") {
  SweepWorld world;
  int64_t refusals = 0;
  FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
    if (config.execution.parent_checkpoint.empty()) return FakeEnd{};
    std::filesystem::path parent = config.execution.parent_checkpoint;
    if (n == 1 && refusals == 0) std::ofstream(parent / "model.safetensors") << "rotten!";
    bool rotten = tests::read_file(parent / "model.safetensors") != "weights";
    refusals += rotten;
    return rotten ? FakeEnd{.outcome = trainer::Outcome::kRefused, .code = 1} : FakeEnd{};
  });
  world.scheduler(launcher, 1).run();
  CHECK(refusals == 1);
  CHECK(world.times_said(
            "model.safetensors is damaged (its hash differs)); the run is done again") == 1);
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, 15}});
  auto attempts = world.store.attempts();
  CHECK(std::count_if(attempts.begin(), attempts.end(), [](const db::AttemptRow& a) {
          return a.outcome == Outcome::kCheckpointLost;
        }) == 1);
}

}  // namespace crosslaw::sweep
