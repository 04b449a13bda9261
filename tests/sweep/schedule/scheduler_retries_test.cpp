// Which ends are tried again, how often, how soon, and which end the whole sweep.
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
using Counts = std::map<Outcome, int64_t>;

bool smallest_source(const TrainConfig& config) {
  return config.recipe.model.hidden == 8 && config.recipe.mixture[0].language == "en";
}

void write_log(const SweepWorld& world, const TrainConfig& config, int64_t n,
               const std::string& text) {
  const auto folder =
      world.folder / "runs" / trainer::run_key(config.recipe) / ("attempt-" + std::to_string(n));
  std::ofstream(trainer::log_file(folder)) << text;
}

// Between the end of one attempt of a run and the start of its next.
std::vector<int64_t> waits_ms(const SweepWorld& world) {
  const auto all = world.store.attempts();
  std::vector<int64_t> waits;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].run_id == all[i - 1].run_id)
      waits.push_back(all[i].started_ms - *all[i - 1].ended_ms);
  }
  return waits;
}

}  // namespace

TEST_CASE("each way to end waits in its own way before the next try") {
  struct Case {
    FakeEnd end;
    Outcome outcome;
    std::vector<int64_t> at_least_ms;
  };
  for (const Case& c : {
           Case{{.writes_result = false, .code = 1}, Outcome::kCrashed, {30'000, 60'000, 120'000}},
           Case{{.writes_result = false, .code = {}, .signal = SIGKILL},
                Outcome::kKilled,
                {1000, 2000, 4000}},
           Case{{.writes_result = false, .code = 143}, Outcome::kKilled, {1000, 2000, 4000}},
           Case{{.writes_result = false, .code = {}, .signal = SIGUSR2},
                Outcome::kPreempted,
                {0, 0, 0}},
           Case{{.writes_result = false, .code = {}}, Outcome::kLost, {2000, 4000, 8000}},
           Case{{.writes_result = false, .code = kExitNoDevice},
                Outcome::kNodeFailed,
                {2000, 4000, 8000}},
           Case{{.outcome = Outcome::kStopped, .code = 75, .cause = Outcome::kPreempted},
                Outcome::kPreempted,
                {0, 0, 0}},
       }) {
    INFO(db::name_of(c.outcome));
    SweepWorld world("cpu_slots = 2", "cpu_slots = 2\nretries = 4");
    world.tick_ms = 10;
    FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
      return n <= 3 && smallest_source(config) ? c.end : FakeEnd{};
    });
    CHECK(world.scheduler(launcher).run() == SweepEnd::kFinished);
    CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
    const auto waits = waits_ms(world);
    REQUIRE(waits.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(waits[i] >= c.at_least_ms[i]);
      CHECK(waits[i] <= c.at_least_ms[i] * 5 / 4 + 5000);
    }
    CHECK(world.store.attempts()[0].outcome == c.outcome);
  }
}

TEST_CASE("what the trainer cannot understand stops the sweep at once and names it") {
  for (const int64_t code :
       {int64_t{trainer::kExitBadConfig}, int64_t{kExitCannotStart}, int64_t{kExitNotFound}}) {
    SweepWorld world;
    FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
      write_log(world, config, n, "config.json: recipe.context is 0\n");
      return FakeEnd{.writes_result = false, .code = code};
    });
    CHECK(world.scheduler(launcher).run() == SweepEnd::kGivenUp);
    CHECK(launcher.started.size() == 2);  // those of the two places
    CHECK(world.times_said("the sweep stops") == 1);
    CHECK(world.times_said("config.json: recipe.context is 0") == 1);
    // Mended, the same command goes on.
    FakeLauncher mended;
    CHECK(world.scheduler(mended).run() == SweepEnd::kFinished);
    CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
  }
}

TEST_CASE("three runs that fail alike stop the sweep, three that differ do not") {
  for (const bool alike : {true, false}) {
    SweepWorld world;
    std::string different;
    FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
      if (n > 1) return FakeEnd{};
      // Letters: numbers make no difference.
      if (!alike) different += 'x';
      write_log(world, config, n, "CUDA error 0x1f on GPU " + different + "\n");
      return FakeEnd{.outcome = trainer::Outcome::kCrashed, .writes_result = false, .code = 1};
    });
    // One place, so that no run succeeds in between.
    world.scheduler(launcher, 1).run();
    CHECK((world.times_said("the sweep stops") == 1) == alike);
    CHECK((launcher.started.size() == 3) == alike);
  }
}

TEST_CASE("preemption and time limits cost no try while the run gets further") {
  SweepWorld world("cpu_slots = 2", "cpu_slots = 2\nretries = 0");
  FakeLauncher launcher([](const TrainConfig& config, int64_t n) {
    if (!smallest_source(config) || n > 12) return FakeEnd{};
    return FakeEnd{.outcome = Outcome::kStopped,
                   .code = 75,
                   .cause = n % 2 ? Outcome::kPreempted : Outcome::kTimeLimit,
                   .step = n,
                   .checkpoints = {n}};
  });
  world.scheduler(launcher).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
  CHECK(launcher.started.size() == 27);
}

TEST_CASE("a time limit that leaves no step is given up in the end, and the rest goes on") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig& config, int64_t) {
    return smallest_source(config) ? FakeEnd{.writes_result = false,
                                             .code = {},
                                             .signal = SIGKILL,
                                             .cause = Outcome::kTimeLimit}
                                   : FakeEnd{};
  });
  world.scheduler(launcher).run();
  CHECK(world.outcomes() ==
        Counts{{Outcome::kTimeLimit, 1}, {Outcome::kPending, 2}, {Outcome::kDone, 12}});
}

TEST_CASE("a machine that failed under a run is avoided by its next attempts") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig& config, int64_t n) {
    if (!smallest_source(config) || n > 2) return FakeEnd{};
    return FakeEnd{.writes_result = false,
                   .code = {},
                   .cause = Outcome::kNodeFailed,
                   .node = "n" + std::to_string(n)};
  });
  world.scheduler(launcher).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
  std::vector<std::vector<std::string>> avoided;
  for (std::size_t i = 0; i < launcher.started.size(); ++i) {
    if (smallest_source(launcher.started[i])) avoided.push_back(launcher.requests[i].avoid_nodes);
  }
  CHECK(avoided == std::vector<std::vector<std::string>>{{}, {"n1"}, {"n1", "n2"}});
}

TEST_CASE("what memory did not allow is remembered by size, also by the next invocation") {
  SweepWorld world;
  FakeLauncher first([&](const TrainConfig& config, int64_t) {
    if (config.recipe.model.hidden != 16) return FakeEnd{};
    world.interrupts = 1;
    return FakeEnd{.outcome = Outcome::kOutOfMemory, .code = 1};
  });
  world.scheduler(first, 1).run();
  world.interrupts = 0;
  FakeLauncher second;
  world.scheduler(second).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
  for (const TrainConfig& config : second.started)
    CHECK(config.execution.micro_batch_sequences == (config.recipe.model.hidden == 16 ? 4 : 0));
}

TEST_CASE("a trainer that the kernel killed for memory gets a smaller micro-batch, not a repeat") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig& config, int64_t) {
    if (config.recipe.model.hidden != 16 || config.execution.micro_batch_sequences == 4)
      return FakeEnd{};
    return FakeEnd{
        .writes_result = false, .code = {}, .signal = SIGKILL, .cause = Outcome::kOutOfMemory};
  });
  world.scheduler(launcher, 1).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
  CHECK(launcher.started.size() == 16);
}

TEST_CASE("a run is cancelled with what depends on it, and taken in again by a retry") {
  SweepWorld world;
  std::string key;
  for (const PlannedRun& run : world.plan.runs) {
    if (run.row.strategy == "source" && run.row.size == "s") key = run.row.key;
  }
  world.requests = {{RequestKind::kCancel, key}};
  FakeLauncher first;
  CHECK(world.scheduler(first).run() == SweepEnd::kFinished);
  CHECK(world.outcomes() == Counts{{Outcome::kPending, 3}, {Outcome::kDone, 12}});
  FakeLauncher still;
  world.scheduler(still).run();
  CHECK(still.started.empty());
  world.requests = {{RequestKind::kRetry, key}};
  // Somebody must be there to see the request: a sweep that has something to do.
  for (const db::RunRow& run : world.store.runs()) {
    if (run.key == key) world.store.set_cancelled(run.id, false);
  }
  FakeLauncher again;
  world.scheduler(again).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
}

TEST_CASE("a running run that is cancelled is ended, and the others go on") {
  SweepWorld world;
  FakeLauncher launcher;
  launcher.hold = true;
  bool asked = false;
  world.on_progress = [&](const Progress& p) {
    if (asked || p.running != 2) return;
    asked = true;
    world.requests = {{RequestKind::kCancel, trainer::run_key(launcher.started[0].recipe)}};
  };
  world.scheduler(launcher).run();
  CHECK(world.outcomes().at(Outcome::kCancelled) == 1);
  CHECK(world.times_said("cancelled") == 1);
}

TEST_CASE("a stop asked for by file ends every run with a checkpoint") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig&, int64_t) {
    return FakeEnd{.outcome = Outcome::kStopped, .code = 75};
  });
  launcher.hold = true;
  world.on_progress = [&](const Progress& p) {
    if (p.running == 2) world.requests = {{RequestKind::kStop, ""}};
  };
  CHECK(world.scheduler(launcher).run() == SweepEnd::kInterrupted);
  CHECK(world.outcomes() == Counts{{Outcome::kStopped, 2}, {Outcome::kPending, 13}});
}

TEST_CASE("where a batch system goes on by itself, the first interrupt leaves it to it") {
  struct Queue : FakeLauncher {
    bool detaches() const override { return true; }
  } queue;
  queue.hold = true;
  SweepWorld world;
  world.on_progress = [&](const Progress& p) {
    if (p.running == 2) world.interrupts = 1;
  };
  CHECK(world.scheduler(queue).run() == SweepEnd::kDetached);
  CHECK(world.outcomes() == Counts{{Outcome::kStarted, 2}, {Outcome::kPending, 13}});
  CHECK(queue.running.size() == 2);
}

}  // namespace crosslaw::sweep
