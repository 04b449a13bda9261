// Databases of every version that was published, against a new one.
#include "db/schema.h"

#include "db/run_store.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {
namespace {

using tests::TempFolder;

// What brought a database to version 1, 2, ... when that was the newest.
std::vector<std::string> published_steps() {
  const std::string all = tests::read_file("tests/db/published_schemas.sql");
  std::vector<std::string> steps;
  for (std::size_t at = all.find("-- version "); at != std::string::npos;) {
    const std::size_t next = all.find("-- version ", at + 1);
    steps.push_back(all.substr(at, next - at));
    at = next;
  }
  return steps;
}

// A sweep of one run with one loss, as that version of crosslaw left it.
std::filesystem::path sweep_of_version(const TempFolder& folder, std::size_t version) {
  const std::filesystem::path file = folder / (std::to_string(version) + ".db");
  Database database(file, Access::kCreate);
  const std::vector<std::string> steps = published_steps();
  for (std::size_t i = 0; i < version; ++i) database.execute(steps[i]);
  database.execute(
      "INSERT INTO run(id, key, name, recipe, strategy, language, replay, size, seed, "
      "params_embedding, params_unembedding, params_blocks, params_norms, params_budget, steps, "
      "tokens_target, tokens_source, flops) VALUES(1, 'k', 'a', '{}', 'scratch', 'fr', 0, 'm', 1, "
      "10, 20, 30, 40, 100, 8, 4096, 0, 1e9);"
      "INSERT INTO attempt(id, run_id, n, token, folder, device, host, started_ms, ended_ms, "
      "outcome) VALUES(1, 1, 1, 't', 'f', 'cpu', 'here', 1000, 2000, 'done');"
      "INSERT INTO eval(run_id, language, step, attempt_id, tokens_target, tokens_source, flops, "
      "loss_nats, end_of_schedule) VALUES(1, 'fr', 8, 1, 4096, 0, 1e9, 2.5, 1);"
      "PRAGMA user_version = " +
      std::to_string(version));
  return file;
}

std::vector<std::string> definitions_in(const Database& database) {
  Statement rows(database,
                 "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER "
                 "BY 1");
  std::vector<std::string> found;
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

}  // namespace

TEST_CASE("a database of any version ends with the tables and views of a new one, and its rows") {
  const TempFolder folder;
  const std::size_t newest = published_steps().size();
  REQUIRE(newest == 7);
  const std::vector<std::string> wanted =
      definitions_in(RunStore::create(folder / "new.db").database());
  for (std::size_t version = 1; version <= newest; ++version) {
    INFO("version " << version);
    const std::filesystem::path file = sweep_of_version(folder, version);
    CHECK(schema_damage(Database(file, Access::kRead)).empty());
    CHECK(has_older_schema(Database(file, Access::kRead)) == (version < newest));
    const RunStore store = RunStore::create(file);
    CHECK(definitions_in(store.database()) == wanted);
    CHECK(schema_damage(store.database()).empty());
    Statement loss(store.database(),
                   "SELECT loss_nats, params_total, observations.outcome FROM observations JOIN "
                   "run_results USING(run_id, loss_nats)");
    REQUIRE(loss.step());
    CHECK(loss.real(0) == 2.5);
    CHECK(loss.integer(1) == 100);
    CHECK(loss.text(2) == "done");
    for (const char* view : {"losses", "attempts"}) {
      Statement rows(store.database(), std::string("SELECT count(*) FROM ") + view);
      rows.step();
      CHECK(rows.integer(0) == 1);
    }
  }
}

TEST_CASE("a database of a newer version is refused and left as it is") {
  TempFolder folder;
  { RunStore::create(folder / "a.db").put_sweep("of today", "spec", "0.1", 1); }
  int64_t version = 0;
  {
    const Database database(folder / "a.db", Access::kRead);
    Statement row(database, "PRAGMA user_version");
    row.step();
    version = row.integer(0);
  }
  { Database(folder / "a.db", Access::kWrite).execute("PRAGMA user_version = 99"); }
  CHECK_THAT(tests::message_of([&] { RunStore::create(folder / "a.db"); }),
             tests::has_text("schema version 99 was written by a newer crosslaw"));
  CHECK_THAT(tests::message_of([&] { RunStore::read(folder / "a.db"); }),
             tests::has_text("newer crosslaw"));
  Database(folder / "a.db", Access::kWrite)
      .execute("PRAGMA user_version = " + std::to_string(version));
  CHECK(RunStore::read(folder / "a.db").sweep_name() == "of today");
}

TEST_CASE("a schema that cannot be brought up to date stays as it is, views too") {
  const TempFolder folder;
  const std::filesystem::path file = sweep_of_version(folder, 3);
  // The fourth step makes a table of this name.
  { Database(file, Access::kWrite).execute("CREATE TABLE choice_score(a)"); }
  const std::vector<std::string> before = definitions_in(Database(file, Access::kRead));
  CHECK_THAT(tests::message_of([&] { RunStore::create(file); }), has_text("choice_score"));
  const Database after(file, Access::kRead);
  CHECK(definitions_in(after) == before);
  CHECK(has_older_schema(after));
}

}  // namespace crosslaw::db
