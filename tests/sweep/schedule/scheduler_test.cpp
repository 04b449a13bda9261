#include "sweep/schedule/scheduler.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/fake_launcher.h"
#include "tests/support/sweep_world.h"

namespace crosslaw::sweep {
namespace {

using tests::FakeEnd;
using tests::FakeLauncher;
using trainer::Outcome;
using trainer::TrainConfig;

using World = tests::SweepWorld;

}  // namespace

TEST_CASE("a sweep trains every run once and fills its slots") {
  World world;
  FakeLauncher launcher;
  CHECK(world.scheduler(launcher).run() == SweepEnd::kFinished);
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, 15}});
  CHECK(launcher.started.size() == 15);
  CHECK(launcher.most_at_once == 2);
}

// Asks at every start which runs have ended before it.
struct WatchingLauncher : FakeLauncher {
  std::function<void(const TrainConfig&)> on_start;
  using FakeLauncher::FakeLauncher;
  bool start(const LaunchRequest& request, const Commit& commit) override {
    on_start(trainer::read_config(request.config_file));
    return FakeLauncher::start(request, commit);
  }
};

TEST_CASE("a run starts only when its parent is done and its trunk has published") {
  World world;
  std::set<std::string> ended;  // a pretended trunk publishes at its end
  WatchingLauncher launcher([&](const TrainConfig& config, int64_t) {
    ended.insert(trainer::run_key(config.recipe));
    return FakeEnd{};
  });
  int parents = 0, trunks = 0;
  launcher.on_start = [&](const TrainConfig& config) {
    const PlannedRun& run = world.run_of(config);
    INFO(run.name);
    if (run.parent) {
      const std::string& key = world.plan.runs[run.parent->run].row.key;
      CHECK(ended.count(key) == 1);
      CHECK_THAT(config.execution.parent_checkpoint, has_text(key));
      ++parents;
    }
    if (run.trunk) {
      const std::string& key = world.plan.runs[run.trunk->run].row.key;
      CHECK(ended.count(key) == 1);
      REQUIRE(config.execution.start_checkpoints.size() == 1);
      CHECK_THAT(config.execution.start_checkpoints[0], has_text(key));
      ++trunks;
    }
  };
  world.scheduler(launcher, 4).run();
  CHECK(launcher.started.size() == 15);
  CHECK(parents == 6);
  CHECK(trunks == 6);
}

TEST_CASE("a finished sweep starts nothing again, an enlarged one only what is new") {
  World world;
  FakeLauncher first, second, third;
  world.scheduler(first).run();
  world.scheduler(second).run();
  CHECK(second.started.empty());
  world.files.edit("[2, 4]", "[2, 4, 8]");
  world.replan();
  world.scheduler(third).run();
  CHECK(third.started.size() == 6);
}

TEST_CASE("divergence is a result: it is not repeated, and what depends on it is blocked") {
  World world;
  auto diverges = [](const TrainConfig& config) {
    return config.recipe.mixture[0].language == "en" && config.recipe.model.hidden == 8;
  };
  FakeLauncher launcher([&](const TrainConfig& config, int64_t) {
    return diverges(config) ? FakeEnd{.outcome = Outcome::kDiverged, .message = "step 3: loss nan"}
                            : FakeEnd{};
  });
  Scheduler scheduler = world.scheduler(launcher);
  scheduler.run();
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, 12},
                                                       {Outcome::kDiverged, 1},
                                                       {Outcome::kPending, 2}});
  CHECK(scheduler.progress().blocked == 2);
  FakeLauncher again;
  world.scheduler(again).run();
  CHECK(again.started.empty());
}

TEST_CASE(
    "a crash is tried again, with its log's last line, and given up after the allowed retries") {
  World world;
  auto doomed = [](const TrainConfig& config) {
    return config.recipe.mixture[0].language == "fr" && config.recipe.model.hidden == 16 &&
           config.recipe.parent_key.empty();
  };
  FakeLauncher launcher([&](const TrainConfig& config, int64_t) {
    return doomed(config) ? FakeEnd{.writes_result = false, .code = 1} : FakeEnd{};
  });
  Scheduler scheduler = world.scheduler(launcher);
  scheduler.run();
  CHECK(scheduler.progress().failed == 2);
  CHECK(world.outcomes() ==
        std::map<Outcome, int64_t>{{Outcome::kDone, 13}, {Outcome::kCrashed, 2}});
  auto tries = std::count_if(launcher.started.begin(), launcher.started.end(), doomed);
  CHECK(tries == 6);  // two runs, 1 + 2 retries each

  FakeLauncher mended;
  world.scheduler(mended).run();
  CHECK(mended.started.size() == 2);
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
}

TEST_CASE("out of memory halves the micro-batch") {
  World world;
  FakeLauncher launcher([](const TrainConfig& config, int64_t) {
    const int64_t asked = config.execution.micro_batch_sequences;
    const bool too_much = config.recipe.model.hidden == 16 && (asked == 0 || asked > 2);
    return too_much ? FakeEnd{.outcome = Outcome::kOutOfMemory, .code = 1} : FakeEnd{};
  });
  world.scheduler(launcher, 1).run();
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
  std::set<int64_t> seen;
  for (const TrainConfig& config : launcher.started)
    seen.insert(config.execution.micro_batch_sequences);
  CHECK(seen == std::set<int64_t>{0, 2, 4});
}

TEST_CASE("runs that somebody kills are started again for free") {
  World world;
  FakeLauncher launcher([](const TrainConfig&, int64_t n) {
    return n <= 5 ? FakeEnd{.writes_result = false, .code = {}, .signal = SIGKILL} : FakeEnd{};
  });
  world.scheduler(launcher).run();
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
  CHECK(launcher.started.size() == 15 * 6);
}

TEST_CASE("an interrupt stops the runs, and the next invocation goes on") {
  World world;
  FakeLauncher launcher([&](const TrainConfig&, int64_t) {
    world.interrupts = 1;
    return FakeEnd{.outcome = Outcome::kStopped, .code = 75};
  });
  CHECK(world.scheduler(launcher).run() == SweepEnd::kInterrupted);
  CHECK(launcher.started.size() == 2);
  CHECK(world.outcomes() ==
        std::map<Outcome, int64_t>{{Outcome::kStopped, 2}, {Outcome::kPending, 13}});
  world.interrupts = 0;
  FakeLauncher next;
  CHECK(world.scheduler(next).run() == SweepEnd::kFinished);
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
}

TEST_CASE(
    "attempts that a killed orchestrator left behind are adopted, believed by their result, or "
    "repeated") {
  World world;
  FakeLauncher before;
  before.hold = true;
  // Killed in the middle: three attempts are open and nothing is settled.
  world.on_progress = [](const Progress& p) {
    if (p.running == 3) throw std::runtime_error("kill -9");
  };
  CHECK_THROWS_WITH(world.scheduler(before, 3).run(), "kill -9");
  world.on_progress = [](const Progress&) {};
  auto open = world.store.attempts();
  REQUIRE(open.size() == 3);
  FakeLauncher after;
  after.adoptable = {open[0].id};
  // The second ended well while nobody looked; of the third nothing is left.
  before.hold = false;
  std::filesystem::path second = trainer::config_file(world.folder / open[1].folder);
  before.running = {{open[1].id, second}};
  before.states(std::chrono::milliseconds(0));
  Scheduler scheduler = world.scheduler(after, 3);
  scheduler.run();
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, 15}});
  CHECK(after.started.size() == 13);
  auto attempts = world.store.attempts();
  std::map<int64_t, std::optional<db::Outcome>> outcome;
  for (const db::AttemptRow& attempt : attempts) outcome[attempt.id] = attempt.outcome;
  CHECK(outcome.at(open[0].id) == db::Outcome::kDone);
  CHECK(outcome.at(open[1].id) == db::Outcome::kDone);
  CHECK(outcome.at(open[2].id) == db::Outcome::kLost);
}

TEST_CASE("a result that another attempt's token signed is not believed") {
  World world;
  FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
    if (n == 1 && config.recipe.model.hidden == 8) {
      trainer::RunResult forged;
      forged.token = "somebody else";
      forged.outcome = Outcome::kDone;
      publish_result(forged, world.folder / "runs" / trainer::run_key(config.recipe) / "attempt-1");
      return FakeEnd{.writes_result = false, .code = 1};
    }
    return FakeEnd{};
  });
  world.scheduler(launcher).run();
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
  CHECK(launcher.started.size() == 20);
}

TEST_CASE("a parent whose checkpoint is gone is trained again before its children") {
  World world;
  FakeLauncher first([](const TrainConfig& config, int64_t) {
    return config.recipe.parent_key.empty() ? FakeEnd{}
                                            : FakeEnd{.writes_result = false, .code = 1};
  });
  world.scheduler(first).run();
  for (const PlannedRun& run : world.plan.runs) {
    if (run.row.strategy == "source" && run.row.size == "m")
      std::filesystem::remove_all(world.folder / "runs" / run.row.key);
  }
  FakeLauncher second;
  world.scheduler(second).run();
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
  CHECK(second.started.size() == 7);
  bool told = std::any_of(world.said.begin(), world.said.end(), [](const std::string& m) {
    return m.find("source m 4tpp: its final checkpoint is needed and unusable") == 0;
  });
  CHECK(told);
}

TEST_CASE("a damaged parent checkpoint is found by its hash when a child refuses it") {
  World world;
  FakeLauncher launcher([&](const TrainConfig& config, int64_t) {
    const std::string& parent = config.execution.parent_checkpoint;
    if (parent.empty()) return FakeEnd{};
    if (parent.find("attempt-1") != std::string::npos && config.recipe.model.hidden == 12) {
      std::ofstream(parent + "/model.safetensors") << "rotten";
    }
    bool rotten = tests::read_file(parent + "/model.safetensors") != "weights";
    return rotten ? FakeEnd{.outcome = Outcome::kRefused,
                            .code = 1,
                            .message = "the checkpoint is damaged"}
                  : FakeEnd{};
  });
  world.scheduler(launcher, 1).run();
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
}

TEST_CASE("done without its last loss is not done") {
  World world;
  bool cut = false;
  FakeLauncher launcher([&](const TrainConfig&, int64_t) { return FakeEnd{}; });
  struct Cutting : FakeLauncher {
    bool* cut;
    std::vector<AttemptState> states(std::chrono::milliseconds patience) override {
      auto file = running.empty() ? std::filesystem::path()
                                  : running.begin()->second.parent_path() / "metrics.jsonl";
      auto states = FakeLauncher::states(patience);
      if (!*cut && !states.empty()) std::filesystem::resize_file(file, 10), *cut = true;
      return states;
    }
  } cutting;
  cutting.cut = &cut;
  world.scheduler(cutting, 1).run();
  CHECK(world.outcomes().at(Outcome::kDone) == 15);
  CHECK(cutting.started.size() == 16);
}

TEST_CASE("branch points are deleted when their branches are done, final checkpoints stay") {
  World world;
  FakeLauncher launcher;
  world.scheduler(launcher).run();
  for (const db::RunResultRow& row : tests::some(world.store.results())) {
    auto checkpoints = world.store.checkpoints(row.run_id);
    REQUIRE(checkpoints.size() == 1);
    CHECK(checkpoints[0].step == row.steps);
    CHECK(std::filesystem::exists(world.folder / checkpoints[0].folder));
  }
}

}  // namespace crosslaw::sweep
