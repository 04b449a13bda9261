// The life of attempts: which slot, when again, what an earlier invocation left.
#include <csignal>
#include <fstream>
#include <random>
#include <set>

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

// Places come and go; stops are written down.
struct BusyMachine : FakeLauncher {
  using FakeLauncher::FakeLauncher;
  bool busy = false;
  std::vector<std::pair<int64_t, bool>> stops;

  bool reserve(int64_t gpus) override { return !busy && FakeLauncher::reserve(gpus); }
  void stop(int64_t attempt, bool at_once) override {
    stops.emplace_back(attempt, at_once);
    FakeLauncher::stop(attempt, at_once);
  }
};

int64_t attempts_with(const SweepWorld& world, Outcome outcome) {
  auto all = world.store.attempts();
  return std::count_if(all.begin(), all.end(),
                       [&](const db::AttemptRow& a) { return a.outcome == outcome; });
}

}  // namespace

TEST_CASE("when every place is used by others the sweep waits, and goes on when one is free") {
  SweepWorld world;
  BusyMachine machine;
  machine.busy = true;
  int64_t turns = 0;
  world.on_progress = [&](const Progress& p) {
    if (++turns == 50) machine.busy = false;
    if (turns < 50) REQUIRE(p.running == 0);
  };
  world.scheduler(machine).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
  CHECK(machine.most_at_once == 2);
  CHECK(world.store.attempts().size() == 15);  // waiting makes no attempts
}

TEST_CASE("what a queue does not take now is offered again, and is no failure of the run") {
  struct Full : FakeLauncher {
    int refusals = 3;
    bool start(const LaunchRequest& request, const Commit& commit) override {
      return --refusals < 0 && FakeLauncher::start(request, commit);
    }
  } queue;
  SweepWorld world;
  world.scheduler(queue).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
  CHECK(attempts_with(world, Outcome::kSlotTaken) == 3);
}

TEST_CASE("a run that gets further with every try is not given up, one that stands still is") {
  SweepWorld world;
  auto hopeless = [](const TrainConfig& config) { return config.recipe.model.hidden == 12; };
  FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
    if (config.recipe.mixture[0].language != "en" || n > 12) return FakeEnd{};
    return FakeEnd{.outcome = trainer::Outcome::kCrashed,
                   .code = 1,
                   .message = "bad page",
                   .step = hopeless(config) ? 1 : n};
  });
  world.scheduler(launcher).run();
  CHECK(world.outcomes() ==
        Counts{{Outcome::kCrashed, 1}, {Outcome::kPending, 2}, {Outcome::kDone, 12}});
  for (const db::RunResultRow& row : world.store.results()) {
    if (row.strategy != "source") continue;
    CHECK(row.attempts == (row.size == "m" ? 3 : 13));
  }
  CHECK(world.times_said("source m 4tpp: failed 3 times, given up (crashed: bad page); see ") == 1);
}

TEST_CASE("kills from outside do not use up the tries that crashes have") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig&, int64_t n) {
    if (n <= 5) return FakeEnd{.writes_result = false, .code = {}, .signal = SIGKILL};
    return n <= 7 ? FakeEnd{.writes_result = false, .code = 1} : FakeEnd{};
  });
  world.scheduler(launcher).run();
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
}

TEST_CASE("out of memory halves the micro-batch down to one sequence and then gives up") {
  SweepWorld world;
  FakeLauncher launcher([](const TrainConfig& config, int64_t) {
    return config.recipe.model.hidden == 16
               ? FakeEnd{.outcome = trainer::Outcome::kOutOfMemory, .code = 1}
               : FakeEnd{};
  });
  world.scheduler(launcher, 1).run();
  std::vector<int64_t> tried;
  for (const TrainConfig& config : launcher.started) {
    if (config.recipe.model.hidden == 16 && config.recipe.mixture[0].language == "en")
      tried.push_back(config.execution.micro_batch_sequences);
  }
  // Of 8 sequences; another run of this size may find out that half is too much, too.
  REQUIRE(tried.size() >= 3);
  CHECK(tried.front() == 0);
  CHECK(tried.back() == 1);
  CHECK(std::is_sorted(tried.rbegin(), tried.rend() - 1));
  CHECK(world.outcomes().at(Outcome::kOutOfMemory) == 3);
}

TEST_CASE("the last line of the log is what is told of a crash") {
  SweepWorld world;
  FakeLauncher launcher([&](const TrainConfig& config, int64_t n) {
    if (n > 1 || config.recipe.model.hidden != 8) return FakeEnd{};
    std::filesystem::path folder =
        world.folder / "runs" / trainer::run_key(config.recipe) / "attempt-1";
    std::ofstream(trainer::log_file(folder)) << "starting\n\nCUDA error: device lost\n\n";
    return FakeEnd{.writes_result = false, .code = 134};
  });
  world.scheduler(launcher).run();
  CHECK(world.times_said("crashed: CUDA error: device lost; trying again") == 5);
  for (const db::AttemptRow& attempt : world.store.attempts()) {
    if (attempt.outcome == Outcome::kCrashed) CHECK(attempt.message == "CUDA error: device lost");
  }
}

TEST_CASE("the first interrupt asks for checkpoints, the second ends the runs at once") {
  SweepWorld world;
  struct Stubborn : BusyMachine {
    using BusyMachine::BusyMachine;
    int* interrupts = nullptr;
    // Does not listen to the first request.
    void stop(int64_t attempt, bool at_once) override {
      stops.emplace_back(attempt, at_once);
      if (at_once) hold = false;
      if (!at_once) *interrupts = 2;
    }
  } stubborn([](const TrainConfig&, int64_t) {
    return FakeEnd{.writes_result = false, .code = {}, .signal = SIGKILL};
  });
  stubborn.hold = true;
  stubborn.interrupts = &world.interrupts;
  world.on_progress = [&](const Progress& p) {
    if (p.running == 2) world.interrupts = 1;
  };
  CHECK(world.scheduler(stubborn).run() == SweepEnd::kInterrupted);
  CHECK(world.times_said("stopping: 2 runs publish a checkpoint") == 1);
  REQUIRE(stubborn.stops.size() == 4);
  for (size_t i = 0; i < 4; ++i) CHECK(stubborn.stops[i].second == (i >= 2));
  CHECK(world.outcomes() == Counts{{Outcome::kKilled, 2}, {Outcome::kPending, 13}});
}

TEST_CASE("a run that the edited spec no longer asks for is ended, its attempt cancelled") {
  SweepWorld world;
  FakeLauncher before;
  before.hold = true;
  world.on_progress = [](const Progress& p) {
    if (p.running == 6) throw std::runtime_error("kill -9");  // all that waits for no other
  };
  CHECK_THROWS_WITH(world.scheduler(before, 15).run(), "kill -9");
  world.on_progress = [](const Progress&) {};
  world.files.edit("[[strategy]]\nname = \"scratch\"\nlanguage = \"fr\"\n", "");
  world.replan();
  BusyMachine after;
  for (const db::AttemptRow& attempt : world.store.attempts())
    after.adoptable.push_back(attempt.id);
  world.scheduler(after).run();
  CHECK(after.stops.size() == 3);
  for (const auto& [attempt, at_once] : after.stops) CHECK(at_once);
  CHECK(attempts_with(world, Outcome::kCancelled) == 3);
  CHECK(after.started.size() == 6);  // the continued runs; the sources were taken over
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 9}});
  // Asked for again, they are trained anew.
  world.files.edit("name", "name");
  world.replan();
  FakeLauncher again;
  world.scheduler(again).run();
  CHECK(again.started.size() == 6);
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
}

TEST_CASE("runs that are taken over count against the slots, also when there are fewer now") {
  SweepWorld world;
  FakeLauncher before;
  before.hold = true;
  world.on_progress = [](const Progress& p) {
    if (p.running == 3) throw std::runtime_error("kill -9");
  };
  CHECK_THROWS_WITH(world.scheduler(before, 3).run(), "kill -9");
  world.on_progress = [](const Progress&) {};
  FakeLauncher after;
  for (const db::AttemptRow& attempt : world.store.attempts())
    after.adoptable.push_back(attempt.id);
  world.scheduler(after, 1).run();
  CHECK(world.times_said("still training as process") == 3);
  CHECK(after.most_at_once <= 3);
  CHECK(after.started.size() == 12);
  CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
}

TEST_CASE("what a trainer is told is what the plan says, under a token of its own") {
  SweepWorld world("cpu_slots = 2", "cpu_slots = 2\nthreads_per_run = 3");
  FakeLauncher launcher;
  world.scheduler(launcher).run();
  std::set<std::string> tokens;
  for (const TrainConfig& config : launcher.started) {
    const PlannedRun& run = world.run_of(config);
    const trainer::Execution& e = config.execution;
    CHECK(e.evaluation_steps == run.evaluation_steps);
    CHECK(e.publish_steps == run.publish_steps);
    CHECK(e.threads == 3);
    CHECK(e.device == "cpu");
    CHECK(e.checkpoint_every_seconds == 600);
    CHECK(e.parent_checkpoint.empty() == !run.parent);
    CHECK(trainer::complaints(config).empty());
    for (const auto& [language, file] : e.train_shards)
      CHECK(file == world.corpus.language(language).train.file);
    tokens.insert(e.token);
  }
  CHECK(tokens.size() == launcher.started.size());
}

TEST_CASE(
    "a run on GPUs is given as many ranks as the spec says for its size, one on the CPU one") {
  for (const char* device : {"cuda", "cpu"}) {
    SweepWorld world(
        "devices = \"cpu\"",
        "devices = \"gpu\"\ngpus_per_run = [{below_params = 4e3, gpus = 1}, {gpus = 4}]");
    FakeLauncher launcher;
    launcher.kind = device;
    world.scheduler(launcher).run();
    std::set<int64_t> seen;
    for (size_t i = 0; i < launcher.started.size(); ++i) {
      const int64_t ranks = launcher.started[i].execution.ranks;
      const int64_t params = world.run_of(launcher.started[i]).row.params_budget;
      CHECK(ranks == (launcher.kind == "cpu" || params < 4000 ? 1 : 4));
      CHECK(launcher.requests[i].gpus == ranks);
      seen.insert(ranks);
    }
    CHECK(seen.size() == (launcher.kind == "cpu" ? 1 : 2));
  }
}

TEST_CASE("what holds up the most work starts first") {
  SweepWorld world;
  FakeLauncher launcher;
  world.scheduler(launcher, 1).run();
  // FLOPs of the longest chain that begins at a run, counted forwards from the plan.
  std::map<std::string, double> chain;
  for (size_t i = world.plan.runs.size(); i-- > 0;) {
    double after = 0;
    for (const PlannedRun& other : world.plan.runs) {
      for (const auto& start : {other.parent, other.trunk}) {
        if (start && start->run == i) after = std::max(after, chain.at(other.row.key));
      }
    }
    chain[world.plan.runs[i].row.key] = after + world.plan.runs[i].flops_to_train();
  }
  std::set<std::string> done;
  for (const TrainConfig& config : launcher.started) {
    const PlannedRun& chosen = world.run_of(config);
    for (const PlannedRun& other : world.plan.runs) {
      bool ready = !done.contains(other.row.key);
      for (const auto& start : {other.parent, other.trunk})
        ready = ready && (!start || done.contains(world.plan.runs[start->run].row.key));
      if (ready) CHECK(chain.at(other.row.key) <= chain.at(chosen.row.key));
    }
    done.insert(chosen.row.key);
  }
}

// Random ends and random deaths of the orchestrator; a logical clock, no process, no sleep.
TEST_CASE("whatever happens, a sweep ends with every run done once and nothing started too early") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    SweepWorld world;
    std::mt19937 draw(seed);
    std::set<std::string> done;
    auto ends = [&](const TrainConfig& config, int64_t n) {
      if (n > 25 || draw() % 3 == 0) {
        CHECK(done.insert(trainer::run_key(config.recipe)).second);
        return FakeEnd{};
      }
      switch (draw() % 4) {
        case 0:
          return FakeEnd{.writes_result = false, .code = {}, .signal = SIGKILL};
        case 1:
          return FakeEnd{.outcome = trainer::Outcome::kStopped, .code = 75};
        case 2:
          return FakeEnd{.writes_result = false, .code = {}, .signal = SIGTERM};
        default:
          return FakeEnd{.outcome = trainer::Outcome::kCrashed, .code = 1, .step = n};
      }
    };
    for (int invocation = 0; invocation < 500 && done.size() < 15; ++invocation) {
      FakeLauncher launcher(ends);
      for (const db::AttemptRow& attempt : world.store.attempts()) {
        if (!attempt.ended_ms && draw() % 2) launcher.adoptable.push_back(attempt.id);
      }
      world.on_progress = [&](const Progress& p) {
        REQUIRE(p.done + p.diverged + p.failed + p.blocked + p.running + p.waiting == p.total);
        REQUIRE(p.running <= 2);
        if (draw() % 8 == 0) throw std::runtime_error("kill -9");
      };
      try {
        world.scheduler(launcher).run();
      } catch (const std::runtime_error& death) {
        REQUIRE(death.what() == std::string("kill -9"));
      }
      REQUIRE(launcher.most_at_once <= 2);
      for (const TrainConfig& config : launcher.started) {
        const PlannedRun& run = world.run_of(config);
        if (run.parent) REQUIRE(done.contains(world.plan.runs[run.parent->run].row.key));
      }
    }
    // An end that the last death kept from being recorded is believed by its result.
    world.on_progress = [](const Progress&) {};
    FakeLauncher last;
    world.scheduler(last).run();
    CHECK(last.started.empty());
    CHECK(world.outcomes() == Counts{{Outcome::kDone, 15}});
    for (const db::RunResultRow& row : world.store.results()) CHECK(row.loss_nats.has_value());
  }
}

}  // namespace crosslaw::sweep
