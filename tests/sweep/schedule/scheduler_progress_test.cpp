#include <chrono>
#include <fstream>

#include "sweep/schedule/scheduler.h"
#include "tests/support/catch.h"
#include "tests/support/fake_launcher.h"
#include "tests/support/sweep_world.h"

namespace crosslaw::sweep {
namespace {

using tests::FakeEnd;
using tests::FakeLauncher;
using tests::SweepWorld;
using trainer::TrainConfig;

double flops_of(const Plan& plan) {
  double flops = 0;
  for (const PlannedRun& run : plan.runs) flops += run.flops_to_train();
  return flops;
}

FakeEnd stopped(const TrainConfig&, int64_t) {
  return {.outcome = trainer::Outcome::kStopped, .code = 75};
}

// Its attempts say `text` as their first heartbeat.
struct Writing : FakeLauncher {
  using FakeLauncher::FakeLauncher;
  std::string text;
  std::filesystem::path file;
  bool start(const LaunchRequest& request, const Commit& commit) override {
    file = trainer::heartbeat_file(request.config_file.parent_path());
    std::ofstream(file) << text;
    return FakeLauncher::start(request, commit);
  }
};

}  // namespace

TEST_CASE("progress begins at nothing, never falls, and ends at everything") {
  SweepWorld world;
  FakeLauncher launcher;
  Progress last;
  world.on_progress = [&](const Progress& p) {
    CHECK(p.total == 15);
    CHECK(p.done >= last.done);
    CHECK(p.flops_done >= last.flops_done);
    CHECK(p.flops_total == Approx(flops_of(world.plan)));
    CHECK(static_cast<int64_t>(p.running_names.size()) == p.running);
    CHECK(p.remaining_seconds.value() >= 0);
    last = p;
  };
  Scheduler scheduler = world.scheduler(launcher);
  CHECK(scheduler.progress().done == 0);
  CHECK(scheduler.progress().waiting == 15);
  CHECK(scheduler.progress().flops_done == 0);
  scheduler.run();
  CHECK(last.done == 15);
  CHECK(last.flops_done == Approx(last.flops_total));
  CHECK(last.remaining_seconds == 0.0);
}

TEST_CASE("before anything is measured the time that remains is FLOPs by the stated speed") {
  SweepWorld world("cpu_slots = 2", "cpu_slots = 2\nflops_per_second = 1e6");
  FakeLauncher launcher;
  for (size_t slots : {1, 3}) {
    Progress p = world.scheduler(launcher, slots).progress();
    CHECK(*p.remaining_seconds == Approx(flops_of(world.plan) / 1e6 / static_cast<double>(slots)));
  }
}

TEST_CASE("a running run counts by the step of its heartbeat, whatever stands in it") {
  SweepWorld world;
  for (const auto& [text, share] : std::vector<std::pair<std::string, double>>{
           {"", 0}, {"garbage\n", 0}, {"-5 1\n", 0}, {"1e9 7\n", 1}, {"0 0\n", 0}, {"\n12", 0}}) {
    INFO(text);
    Writing launcher(stopped);
    launcher.text = text, launcher.hold = true;
    double flops_done = -1;
    int64_t turns = 0;
    world.on_progress = [&](const Progress& p) {
      flops_done = p.flops_done;
      // The trainer truncates the file before it writes: what was read last stays.
      if (++turns == 1) std::ofstream(launcher.file, std::ios::trunc);
      if (turns == 2) world.interrupts = 1;
    };
    world.interrupts = 0;
    // One slot: the run with the longest chain, a source from step 0.
    CHECK(world.scheduler(launcher, 1).run() == SweepEnd::kInterrupted);
    REQUIRE(launcher.started.size() == 1);
    CHECK(flops_done == Approx(share * world.run_of(launcher.started[0]).flops_to_train()));
  }
}

TEST_CASE("the time that remains is known before the first run has ended") {
  SweepWorld world;
  Writing launcher(stopped);
  launcher.text = "0 1\n", launcher.hold = true;
  const auto begun = std::chrono::steady_clock::now();
  double foreseen = 0, seconds = 0;
  world.on_progress = [&](const Progress& p) {
    const auto now = std::chrono::steady_clock::now() - begun;
    seconds = std::chrono::duration<double>(now).count();
    // A tenth of the run in every second so far.
    const PlannedRun& run = world.run_of(launcher.started.at(0));
    std::ofstream(launcher.file) << seconds / 10 * static_cast<double>(run.row.steps) << '\n';
    if (!p.measured && seconds < 60) return;
    CHECK(p.done == 0);
    const double whole = 10 * flops_of(world.plan) / run.row.flops;  // seconds, at this speed
    foreseen = p.remaining_seconds.value() / whole;
    world.interrupts = 1;
  };
  CHECK(world.scheduler(launcher, 1).run() == SweepEnd::kInterrupted);
  // By a typical speed it would be far less; a busy machine reads heartbeats late.
  CHECK(foreseen > 0.3);
  CHECK(foreseen < 3);
}

TEST_CASE("a branch's progress counts from the step where it left the trunk") {
  SweepWorld world;
  double seen = -1;
  struct Half : FakeLauncher {
    using FakeLauncher::FakeLauncher;
    SweepWorld* world = nullptr;
    bool armed = false;
    const PlannedRun* branch = nullptr;
    bool start(const LaunchRequest& request, const Commit& commit) override {
      const bool taken = FakeLauncher::start(request, commit);
      const PlannedRun& run = world->run_of(started.back());
      if (run.trunk && !branch) {
        branch = &run, hold = true;
        int64_t middle = (run.trunk->step + run.row.steps) / 2;
        std::ofstream(trainer::heartbeat_file(request.config_file.parent_path()))
            << middle << " 100\n";
      }
      return taken;
    }
  } launcher;
  launcher.world = &world;
  world.on_progress = [&](const Progress& p) {
    if (!launcher.branch || !launcher.hold) return;
    double done = 0;
    for (const db::RunResultRow& row : world.store.results()) {
      for (const PlannedRun& run : world.plan.runs) {
        if (run.row.key == row.key && row.outcome == db::Outcome::kDone)
          done += run.flops_to_train();
      }
    }
    seen = (p.flops_done - done) / launcher.branch->flops_to_train();
    launcher.hold = false;
  };
  world.scheduler(launcher, 1).run();
  REQUIRE(launcher.branch);
  double steps = static_cast<double>(launcher.branch->steps_to_train());
  CHECK(seen == Approx(0.5).margin(1 / steps));
}

}  // namespace crosslaw::sweep
