#include "sweep/schedule/recover.h"

#include <fstream>

#include "db/damage.h"
#include "tests/support/catch.h"
#include "tests/support/fake_launcher.h"
#include "tests/support/sweep_world.h"

namespace crosslaw::sweep {
namespace {

namespace fs = std::filesystem;
using db::Outcome;
using tests::FakeEnd;
using tests::FakeLauncher;
using tests::SweepWorld;

// All losses, as text.
std::string losses(db::RunStore& store) {
  db::Statement rows(store.database(),
                     "SELECT run.key, eval.language, step, eval.tokens_target, loss_nats, "
                     "end_of_schedule FROM eval JOIN run ON run.id = run_id ORDER BY 1, 2, 3");
  std::string text;
  while (rows.step()) {
    for (int c = 0; c < 6; ++c) text += rows.text(c) + "|";
    text += "\n";
  }
  return text;
}

// Forgets all that the database knew and takes it from the folders.
int64_t lose_and_recover(SweepWorld& world) {
  world.store = db::RunStore(db::Database::in_memory());
  fs::remove(world.folder / "crosslaw.db");
  world.store = world.make_store();
  std::vector<db::RunRow> rows;
  for (const PlannedRun& run : world.plan.runs) rows.push_back(run.row);
  world.store.sync_runs(rows);
  return recover_attempts(world.store,
                          {world.folder, "here", "local", 5000,
                           [&](const std::string& message) { world.said.push_back(message); }});
}

fs::path attempt_of(const SweepWorld& world, size_t run, int64_t n = 1) {
  return world.folder / "runs" / world.plan.runs[run].row.key / ("attempt-" + std::to_string(n));
}

}  // namespace

TEST_CASE("a lost database is made again from the folders, and nothing is trained again") {
  SweepWorld world;
  FakeLauncher first;
  CHECK(world.scheduler(first).run() == SweepEnd::kFinished);
  const std::string before = losses(world.store);
  const int64_t runs = static_cast<int64_t>(world.plan.runs.size());
  CHECK(lose_and_recover(world) == runs);
  CHECK(losses(world.store) == before);
  CHECK(world.outcomes() == std::map<Outcome, int64_t>{{Outcome::kDone, runs}});
  FakeLauncher second;
  CHECK(world.scheduler(second).run() == SweepEnd::kFinished);
  CHECK(second.started.empty());
  // Known attempts are not taken twice.
  CHECK(recover_attempts(world.store,
                         {world.folder, "here", "local", 0, [](const std::string&) {}}) == 0);
}

TEST_CASE("what was stopped half-way goes on from its checkpoint") {
  SweepWorld world;
  FakeLauncher first([](const trainer::TrainConfig&, int64_t n) {
    FakeEnd end;
    if (n == 1) end.outcome = Outcome::kStopped, end.step = 3, end.checkpoints = {3};
    return end;
  });
  CHECK(world.scheduler(first).run() == SweepEnd::kFinished);
  const std::string before = losses(world.store);
  lose_and_recover(world);
  CHECK(losses(world.store) == before);
}

TEST_CASE("an attempt without a result is left open, for it may be running") {
  SweepWorld world;
  FakeLauncher first;
  CHECK(world.scheduler(first).run() == SweepEnd::kFinished);
  fs::remove(attempt_of(world, 0) / "result.json");
  lose_and_recover(world);
  int64_t open = 0;
  for (const db::AttemptRow& attempt : world.store.attempts()) open += !attempt.ended_ms;
  CHECK(open == 1);
  // Nobody runs it: it is trained again, and all is as before.
  FakeLauncher second;
  CHECK(world.scheduler(second).run() == SweepEnd::kFinished);
  CHECK(second.started.size() == 1);
}

TEST_CASE("a damaged line of metrics costs its run, not a point of the fit") {
  SweepWorld world;
  FakeLauncher first;
  CHECK(world.scheduler(first).run() == SweepEnd::kFinished);
  const std::string before = losses(world.store);
  const fs::path metrics = attempt_of(world, 1) / "metrics.jsonl";
  std::string text = tests::read_file(metrics);
  const std::size_t at = text.find("\"loss_nats\":", text.find("\"kind\":\"eval\""));
  REQUIRE(at != std::string::npos);
  text[at + 12] = text[at + 12] == '1' ? '2' : '1';
  std::ofstream(metrics) << text;
  lose_and_recover(world);
  CHECK(world.outcomes()[Outcome::kLossesLost] == 1);
  FakeLauncher second;
  CHECK(world.scheduler(second).run() == SweepEnd::kFinished);
  CHECK(second.started.size() >= 1);
  CHECK(losses(world.store) == before);
}

TEST_CASE("folders that are not of the run, damaged or links are left out and said") {
  SweepWorld world;
  FakeLauncher first;
  CHECK(world.scheduler(first).run() == SweepEnd::kFinished);
  const fs::path one = attempt_of(world, 0), two = attempt_of(world, 1),
                 three = attempt_of(world, 2);
  fs::copy(two, one.parent_path() / "attempt-2", fs::copy_options::recursive);  // another run's
  fs::create_directories(one.parent_path() / "attempt-03");
  fs::create_directories(one.parent_path() / "attempt-4");  // made and never used
  std::string config = tests::read_file(three / "config.json");
  config[config.find("\"cpu\"") + 1] ^= 1;
  std::ofstream(three / "config.json") << config;
  const int64_t taken = lose_and_recover(world);
  CHECK(taken == static_cast<int64_t>(world.plan.runs.size()) - 1);
  CHECK(world.times_said("attempt-2: is not of this run; left out") == 1);
  CHECK(world.times_said("is damaged (its hash differs); its attempt is left out") == 1);
  // The next attempt does not write into what is there.
  FakeLauncher second;
  CHECK(world.scheduler(second).run() == SweepEnd::kFinished);
  REQUIRE(second.started.size() >= 1);
  CHECK(fs::exists(attempt_of(world, 2, 2) / "result.json"));
  CHECK(db::database_damage(world.folder / "crosslaw.db").empty());
}

TEST_CASE(
    "losses in bf16 under a key that means fp32 are forgotten, and their runs trained again") {
  SweepWorld world;
  FakeLauncher first;
  CHECK(world.scheduler(first).run() == SweepEnd::kFinished);
  const std::string before = losses(world.store);
  CHECK(discard_other_precision(world.store, 1) == 0);
  // As a GPU and an earlier version would have left it.
  world.store.database().execute("UPDATE attempt SET device = 'cuda' WHERE run_id = 1");
  CHECK(discard_other_precision(world.store, 1) == 1);
  CHECK(world.store.measured(1).empty());
  CHECK(world.store.checkpoints(1).empty());
  CHECK(world.outcomes()[Outcome::kDone] == static_cast<int64_t>(world.plan.runs.size()) - 1);
  CHECK(discard_other_precision(world.store, 1) == 0);
  FakeLauncher second;
  CHECK(world.scheduler(second).run() == SweepEnd::kFinished);
  CHECK(second.started.size() == 1);
  CHECK(losses(world.store) == before);
  CHECK(db::database_damage(world.folder / "crosslaw.db").empty());
}

}  // namespace crosslaw::sweep
