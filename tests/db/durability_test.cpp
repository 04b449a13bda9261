// Whole processes at one database file: killed, waiting for each other, out of room, or given a
// file that is damaged or somebody else's.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "db/run_store.h"
#include "db/schema.h"
#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {
namespace {

using tests::message_of;
using tests::TempFolder;

RunRow run_row(const std::string& key) {
  RunRow r;
  r.key = key, r.name = key, r.recipe = "{}", r.strategy = "s", r.language = "fr", r.size = "m";
  r.steps = 1000;
  return r;
}

int64_t number(const Database& database, const std::string& sql) {
  Statement row(database, sql);
  REQUIRE(row.step());
  return row.integer(0);
}

void check_whole(const Database& database) {
  Statement row(database, "PRAGMA integrity_check");
  row.step();
  REQUIRE(row.text(0) == "ok");
  Statement orphan(database, "PRAGMA foreign_key_check");
  REQUIRE_FALSE(orphan.step());
}

// A store with one run and one open attempt.
RunStore started(const std::filesystem::path& file) {
  RunStore store = RunStore::create(file);
  store.sync_runs({run_row("a")});
  AttemptRow attempt;
  attempt.run_id = 1, attempt.n = 1, attempt.token = "t", attempt.folder = "f";
  store.begin_attempt(attempt);
  return store;
}

// Two losses and how far the file was read: they must never be found apart.
MetricsBatch pair_of_losses(int64_t turn) {
  MetricsBatch batch;
  batch.train_losses = {{2 * turn, 1.5, 1.0}, {2 * turn + 1, 1.25, 1.0}};
  batch.log_offset = 100 * (turn + 1);
  return batch;
}

}  // namespace

TEST_CASE("a writer killed at any moment leaves whole transactions, and the next one goes on") {
  TempFolder folder;
  { started(folder / "a.db"); }
  int64_t turns = 0;
  for (int kill_after_us = 500; kill_after_us < 30'000; kill_after_us += 1700) {
    pid_t writer = fork();
    if (writer == 0) {
      RunStore store = RunStore::create(folder / "a.db");
      for (int64_t turn = turns;; ++turn) store.ingest(1, 1, pair_of_losses(turn));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(kill_after_us));
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    RunStore store = RunStore::create(folder / "a.db");
    check_whole(store.database());
    int64_t losses = number(store.database(), "SELECT count(*) FROM train_loss");
    turns = store.attempts()[0].log_offset / 100;
    REQUIRE(losses == 2 * turns);
    REQUIRE(number(store.database(), "SELECT coalesce(max(step) + 1, 0) FROM train_loss") ==
            losses);
  }
  CHECK(turns > 0);
}

TEST_CASE("while one process writes, another waits its turn and loses nothing") {
  TempFolder folder;
  { started(folder / "a.db"); }
  pid_t other = fork();
  if (other == 0) {
    Database database(folder / "a.db", Access::kWrite);
    for (int i = 0; i < 50; ++i) {
      Transaction transaction(database);
      database.execute("INSERT INTO event(at_ms, kind, message) VALUES(1, 'other', 'x')");
      transaction.commit();
    }
    _exit(0);
  }
  Database database(folder / "a.db", Access::kWrite);
  for (int i = 0; i < 50; ++i) {
    Transaction transaction(database);
    database.execute("INSERT INTO event(at_ms, kind, message) VALUES(1, 'this', 'x')");
    if (i == 10) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    transaction.commit();
  }
  int status = -1;
  waitpid(other, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(number(database, "SELECT count(*) FROM event WHERE kind = 'this'") == 50);
  CHECK(number(database, "SELECT count(*) FROM event WHERE kind = 'other'") == 50);
}

TEST_CASE("a reader keeps what it began to see while the writer goes on") {
  TempFolder folder;
  RunStore writer = started(folder / "a.db");
  RunStore reader = RunStore::read(folder / "a.db");
  Statement all(reader.database(), "SELECT step FROM train_loss");
  writer.ingest(1, 1, pair_of_losses(0));
  REQUIRE(all.step());
  writer.ingest(1, 1, pair_of_losses(1));
  int64_t seen = 1;
  while (all.step()) ++seen;
  CHECK(seen == 2);
  CHECK(number(reader.database(), "SELECT count(*) FROM train_loss") == 4);
  CHECK_THAT(message_of([&] { reader.ingest(1, 1, pair_of_losses(2)); }),
             has_text("a.db") && has_text("readonly"));
}

TEST_CASE("at whatever size the disk is full, committed rows stay and the message tells the file") {
  int64_t failed = 0;
  for (rlim_t bytes = 4096; bytes <= 400'000; bytes += 36'000) {
    TempFolder folder;
    int64_t committed = 0;
    std::string message = message_of([&] {
      RunStore store = started(folder / "a.db");
      tests::FullDisk disk(bytes);
      for (; committed < 60; ++committed) {
        MetricsBatch batch = pair_of_losses(committed);
        batch.checkpoints = {{committed, std::string(2000, 'x')}};
        store.ingest(1, 1, batch);
      }
    });
    if (message != "(nothing was thrown)") {
      ++failed;
      CHECK_THAT(message, has_text("a.db: "));
    }
    RunStore store = RunStore::create(folder / "a.db");
    check_whole(store.database());
    INFO(bytes << " bytes: " << message);
    CHECK(number(store.database(), "SELECT count(*) FROM train_loss") == 2 * committed);
    CHECK(store.attempts().at(0).log_offset == 100 * committed);
  }
  CHECK(failed >= 3);
}

TEST_CASE(
    "a database cut at any place is named or read, never a crash, and not changed by reading") {
  TempFolder folder;
  {
    RunStore store = started(folder / "a.db");
    for (int64_t turn = 0; turn < 50; ++turn) store.ingest(1, 1, pair_of_losses(turn));
  }
  std::string whole = tests::read_file(folder / "a.db");
  int64_t named = 0;
  for (size_t length = 0; length < whole.size(); length += length < 200 ? 7 : 1499) {
    auto file = folder.write("cut.db", whole.substr(0, length));
    std::string message = message_of([&] {
      RunStore store = RunStore::read(file);
      store.runs(), store.attempts(), store.results(), store.evals();
      number(store.database(), "SELECT sum(loss_nats) FROM train_loss");
    });
    if (message != "(nothing was thrown)") {
      ++named;
      CHECK_THAT(message, has_text("cut.db"));
    }
    CHECK(tests::read_file(file).size() == length);
    for (const char* beside : {"cut.db-wal", "cut.db-shm"})
      std::filesystem::remove(folder / beside);
  }
  CHECK(named > 30);
}

TEST_CASE("a database that is not ours is not taken for a sweep") {
  TempFolder folder;
  {
    Database other(folder / "other.db", Access::kCreate);
    other.execute("CREATE TABLE run(id INTEGER); INSERT INTO run VALUES(7)");
  }
  CHECK_THAT(message_of([&] { RunStore::read(folder / "other.db"); }),
             has_text("other.db: schema version 0, expected "));
  // To make a sweep of it fails at its table, in one transaction: nothing is added.
  CHECK_THAT(message_of([&] { RunStore::create(folder / "other.db"); }),
             has_text("table run already exists"));
  Database other(folder / "other.db", Access::kRead);
  CHECK(number(other, "SELECT count(*) FROM sqlite_master") == 1);
  CHECK(number(other, "PRAGMA user_version") == 0);
  CHECK(number(other, "SELECT id FROM run") == 7);
}

TEST_CASE("what the tables forbid cannot be written") {
  TempFolder folder;
  RunStore store = started(folder / "a.db");
  store.ingest(1, 1, pair_of_losses(0));
  for (const auto& [sql, reason] : std::vector<std::pair<std::string, std::string>>{
           {"DELETE FROM run", "FOREIGN KEY"},
           {"INSERT INTO train_loss VALUES(99, 1, 1.0, 1.0)", "FOREIGN KEY"},
           {"INSERT INTO eval VALUES(1, 'fr', 1, 99, 0, 0, 0, 0, 0, 0, 0, NULL, NULL)",
            "FOREIGN KEY"},
           {"INSERT INTO event(at_ms, run_id, kind, message) VALUES(1, 99, 'k', 'm')",
            "FOREIGN KEY"},
           {"UPDATE attempt SET outcome = 'done'", "CHECK"},
           {"UPDATE attempt SET ended_ms = 5", "CHECK"},
           {"UPDATE run SET recipe = 'no json'", "CHECK"},
           {"UPDATE run SET steps = 'many'", "cannot store TEXT"},
           {"UPDATE run SET key = NULL", "NOT NULL"},
           {"INSERT INTO sweep VALUES(2, 'n', 's', 'c', 1)", "CHECK"},
           {"INSERT INTO attempt(run_id, n, token, folder, device, host, started_ms) "
            "VALUES(1, 2, 't2', 'f', 'd', 'h', 1)",
            "UNIQUE"}}) {
    CHECK_THAT(message_of([&, &sql = sql] { store.database().execute(sql); }), has_text(reason));
  }
  check_whole(store.database());
}

TEST_CASE("a sweep keeps its first date and takes a new name and spec") {
  TempFolder folder;
  RunStore store = RunStore::create(folder / "a.db");
  CHECK(store.sweep_name().empty());
  store.put_sweep("one", "spec 1", "0.1", 111);
  store.put_sweep("two", "spec 2", "0.2", 222);
  CHECK(store.sweep_name() == "two");
  CHECK(number(store.database(), "SELECT created_ms FROM sweep") == 111);
  CHECK(number(store.database(), "SELECT spec = 'spec 2' AND crosslaw = '0.2' FROM sweep") == 1);
}

TEST_CASE("opening the newest schema again changes no byte of the file") {
  TempFolder folder;
  { started(folder / "a.db"); }
  std::string before = tests::read_file(folder / "a.db");
  { RunStore::create(folder / "a.db"); }
  { CHECK(RunStore::read(folder / "a.db").runs().size() == 1); }
  CHECK(tests::read_file(folder / "a.db") == before);
  CHECK_THAT(message_of([&] { RunStore::read(folder / "none.db"); }),
             has_text("none.db: there is no sweep here; crosslaw run makes one"));
  CHECK_FALSE(std::filesystem::exists(folder / "none.db"));
}

TEST_CASE("a transaction inside another is refused, and the outer one still counts") {
  Database database = Database::in_memory();
  database.execute("CREATE TABLE t(a)");
  Transaction outer(database);
  database.execute("INSERT INTO t VALUES(1)");
  CHECK_THAT(message_of([&] { Transaction inner(database); }), has_text("within a transaction"));
  outer.commit();
  CHECK(number(database, "SELECT count(*) FROM t") == 1);
}

TEST_CASE("texts with NUL, quotes and all of Unicode are values, never SQL") {
  Database database = Database::in_memory();
  database.execute("CREATE TABLE t(a TEXT)");
  Statement add(database, "INSERT INTO t VALUES(?)");
  const std::vector<std::string> texts = {"", "'; DROP TABLE t; --", std::string("a\0b", 3),
                                          "\xF0\x9F\x98\x80", std::string(100'000, 'x')};
  for (const std::string& text : texts) add.bind(text).run();
  Statement rows(database, "SELECT a FROM t ORDER BY rowid");
  for (const std::string& text : texts) {
    REQUIRE(rows.step());
    CHECK(rows.text(0) == text);
  }
  CHECK_FALSE(rows.step());
}

TEST_CASE("numbers come back to the last bit at the ends of their range") {
  Database database = Database::in_memory();
  database.execute("CREATE TABLE t(i INTEGER, r REAL)");
  for (auto [i, r] : std::vector<std::pair<int64_t, double>>{
           {INT64_MIN, 5e-324}, {INT64_MAX, -1.7976931348623157e308}, {0, 0.1}, {-1, INFINITY}}) {
    Statement(database, "DELETE FROM t").run();
    Statement(database, "INSERT INTO t VALUES(?, ?)").bind(i, r).run();
    Statement row(database, "SELECT i, r FROM t");
    REQUIRE(row.step());
    CHECK(row.integer(0) == i);
    CHECK(row.real(1) == r);
    CHECK(row.is_real(1));
  }
}

}  // namespace crosslaw::db
