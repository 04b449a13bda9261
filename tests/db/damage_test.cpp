#include "db/damage.h"

#include <random>

#include "db/files/content_hash.h"
#include "db/run_store.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {
namespace {

namespace fs = std::filesystem;
using tests::TempFolder;

RunRow run_of(const std::string& name) {
  RunRow r;
  r.name = name, r.recipe = "{\"name\":\"" + name + "\"}", r.strategy = "scratch";
  r.key = sha256(r.recipe), r.language = "fr", r.size = "m", r.steps = 10;
  return r;
}

std::vector<RunRow> planned() {
  std::vector<RunRow> rows;
  for (int i = 0; i < 12; ++i) rows.push_back(run_of("run " + std::to_string(i)));
  return rows;
}

// A finished sweep of a few runs, closed.
fs::path finished_sweep(const TempFolder& folder) {
  RunStore store = RunStore::create(folder / "crosslaw.db");
  store.put_sweep("s", "spec", "0.1", 1);
  store.sync_runs(planned());
  for (const RunRow& run : store.runs()) {
    AttemptRow attempt;
    attempt.run_id = run.id, attempt.n = 1, attempt.token = "t" + run.key;
    const int64_t id = store.begin_attempt(attempt);
    MetricsBatch batch;
    for (int64_t step = 1; step <= 10; ++step)
      batch.evals.push_back(
          {"fr", step, 10 * step, 0, 1e9, 3.0 / static_cast<double>(step), 1.5, step == 10});
    batch.choices = {{"quiz", 10, 20, 7, 8, 1.25}};
    store.ingest(run.id, id, batch);
    store.end_attempt(id, {.outcome = Outcome::kDone}, 2000);
  }
  return folder / "crosslaw.db";
}

// What commands show of it, once crosslaw run has put in again what follows from the spec.
std::string shown(const fs::path& file) {
  RunStore store = RunStore::create(file);
  store.put_sweep("s", "spec", "0.1", 1);
  store.sync_runs(planned());
  std::string text = store.sweep_name();
  for (const RunResultRow& r : store.results())
    text += r.key + r.name + std::string(name_of(r.outcome)) +
            std::to_string(r.loss_nats.value_or(-1)) + "\n";
  for (const RunChoices& c : store.choices()) text += c.row.name + std::to_string(c.row.correct);
  for (const ObservationRow& o : store.evals())
    text += o.language + std::to_string(o.step) + std::to_string(*o.loss_nats) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a whole database, a new one and another program's are not damaged") {
  const TempFolder folder;
  const fs::path file = finished_sweep(folder);
  CHECK(database_damage(file).empty());
  CHECK(database_damage(folder / "none.db").empty());
  CHECK(database_damage(folder.write("empty.db", "")).empty());
  { Database(folder / "other.db", Access::kCreate).execute("CREATE TABLE run(a)"); }
  CHECK(database_damage(folder / "other.db").empty());
  { Database(file, Access::kWrite).execute("PRAGMA user_version = 99"); }
  CHECK(database_damage(file).empty());  // a newer crosslaw's
}

TEST_CASE("a flipped bit anywhere is told, or changes nothing that is shown") {
  const TempFolder folder;
  const fs::path file = finished_sweep(folder);
  const std::string whole = tests::read_file(file), expected = shown(file);
  std::mt19937 draw(1);
  int64_t told = 0;
  for (int turn = 0; turn < 300; ++turn) {
    const std::size_t bit =
        std::uniform_int_distribution<std::size_t>(0, 8 * whole.size() - 1)(draw);
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    folder.write("crosslaw.db", flipped);
    INFO("bit " << bit);
    std::string damage;
    REQUIRE_NOTHROW(damage = database_damage(file));
    told += !damage.empty();
    // The version's own digits: it looks like a newer crosslaw's, which is refused by name.
    if (damage.empty() && bit / 8 >= 60 && bit / 8 < 64) continue;
    if (damage.empty()) REQUIRE(shown(file) == expected);
    for (const char* beside : {"crosslaw.db-wal", "crosslaw.db-shm"}) fs::remove(folder / beside);
  }
  CHECK(told > 20);
}

TEST_CASE("a loss, an outcome, a key or a table that was changed is named") {
  for (const auto& [sql, words] : std::vector<std::pair<std::string, std::string>>{
           {"UPDATE eval SET loss_nats = loss_nats * 1.0000001 WHERE run_id = 3 AND step = 5",
            "the losses or outcomes of run run 2"},
           {"DELETE FROM eval WHERE run_id = 4 AND step = 1", "run 3"},
           {"UPDATE eval SET valid_tokens = 7 WHERE run_id = 3 AND step = 5", "run 2"},
           {"UPDATE eval SET seen_tokens = 7 WHERE run_id = 3 AND step = 5", "run 2"},
           {"UPDATE choice_score SET correct = 9 WHERE run_id = 4", "run 3"},
           {"UPDATE attempt SET outcome = 'diverged' WHERE run_id = 2", "run 1"},
           {"UPDATE attempt SET outcome = 'dome' WHERE run_id = 2", "there is no outcome \"dome\""},
           {"UPDATE run SET key = 'x' || substr(key, 2) WHERE id = 1", "run 0"},
           {"UPDATE run SET recipe = '{}' WHERE id = 1", "run 0"},
           {"UPDATE evidence SET sha256 = 'x' WHERE run_id = 1", "run 0"},
           {"DROP VIEW observations", "its tables are not those of version"},
           {"PRAGMA user_version = 0", "its version is lost: 0"}}) {
    const TempFolder folder;
    const fs::path file = finished_sweep(folder);
    { Database(file, Access::kWrite).execute(sql); }
    INFO(sql);
    CHECK_THAT(database_damage(file), has_text(words));
  }
}

TEST_CASE("a run that is being trained is not taken for a damaged one") {
  const TempFolder folder;
  const fs::path file = finished_sweep(folder);
  RunStore store = RunStore::create(file);
  AttemptRow attempt;
  attempt.run_id = 1, attempt.n = 2, attempt.token = "t2";
  const int64_t id = store.begin_attempt(attempt);
  MetricsBatch batch;
  batch.evals = {{"fr", 10, 100, 0, 1e9, 2.0, 1.5, true}};
  store.ingest(1, id, batch);
  CHECK(database_damage(file).empty());
  store.end_attempt(id, {.outcome = Outcome::kDone}, 3000);
  CHECK(database_damage(file).empty());
  store.revoke_attempt(id, Outcome::kCheckpointLost, "gone");
  CHECK(database_damage(file).empty());
}

TEST_CASE("where one fit lost a bit there is none") {
  const TempFolder folder;
  RunStore store = RunStore::create(folder / "a.db");
  for (const char* change :
       {"UPDATE fit SET result = '{\"E\":4}' WHERE id = 2",
        "UPDATE fit SET language = 'fs' WHERE id = 2", "UPDATE fit SET name = 'jount' WHERE id = 2",
        "UPDATE fit SET input_sha256 = 'i' WHERE id = 2"}) {
    store.database().execute("DELETE FROM fit");
    store.save_fit({"fr", "scratch", "h", "{\"E\":1}"}, 1);
    store.save_fit({"fr", "joint", "h", "{\"E\":2}"}, 1);
    store.save_fit({"zh", "scratch", "h", "{\"E\":3}"}, 1);
    CHECK(store.fits().size() == 3);
    store.database().execute(change);
    INFO(change);
    CHECK(store.fits().empty());
  }
  // Fits of before there were hashes are taken as they are.
  store.database().execute("UPDATE fit SET result_sha256 = NULL");
  CHECK(store.fits().size() == 3);
}

TEST_CASE("a damaged database is put aside under a name of its own, with its log") {
  const TempFolder folder;
  for (const char* expected : {"crosslaw.db.damaged-1", "crosslaw.db.damaged-2"}) {
    folder.write("crosslaw.db", "bits"), folder.write("crosslaw.db-wal", "log");
    CHECK(put_aside(folder / "crosslaw.db").filename() == expected);
    CHECK(tests::read_file(folder / expected) == "bits");
    CHECK(tests::read_file((folder / expected).string() + "-wal") == "log");
    CHECK_FALSE(fs::exists(folder / "crosslaw.db"));
  }
}

TEST_CASE("folders come from keys and numbers, whatever is stored") {
  const TempFolder folder;
  finished_sweep(folder);
  RunStore store = RunStore::create(folder / "crosslaw.db");
  store.ingest(1, 1, {.checkpoints = {{10, "../../victim"}}});
  store.database().execute("UPDATE attempt SET folder = '../../../../victim'");
  const std::string run = "runs/" + store.runs()[0].key + "/attempt-1";
  CHECK(store.attempts()[0].folder == run);
  CHECK(store.checkpoints(1).at(0).folder == run + "/checkpoint-00000010");
}

}  // namespace crosslaw::db
