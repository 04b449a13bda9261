#include "db/run_store.h"

#include <sys/resource.h>

#include <cmath>
#include <csignal>

#include "db/schema.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {
namespace {

RunRow run(const std::string& key) {
  RunRow r;
  r.key = std::string(64 - key.size(), '0') + key, r.name = "run " + key, r.recipe = "{}",
  r.strategy = "scratch", r.language = "fr", r.size = "d12", r.seed = 1;
  r.params_embedding = 100, r.params_blocks = 200, r.params_norms = 5, r.params_budget = 305,
  r.steps = 10;
  r.tokens_target = 5120, r.flops = 1e9;
  return r;
}

AttemptRow attempt(int64_t run_id, int64_t n) {
  AttemptRow a;
  a.run_id = run_id, a.n = n, a.token = std::to_string(run_id) + "/" + std::to_string(n),
  a.folder = "runs/x/attempt-" + std::to_string(n);
  a.device = "cpu", a.host = "here", a.started_ms = 1000;
  return a;
}

RunStore fresh_store() {
  Database database = Database::in_memory();
  migrate(database);
  return RunStore(std::move(database));
}

MetricsBatch losses(int64_t offset) {
  MetricsBatch batch;
  batch.evals = {{"fr", 5, 2560, 0, 5e8, 2.5, 2.5, false},
                 {"fr", 10, 5120, 0, 1e9, 2.25, 2.25, true},
                 {"en", 10, 5120, 0, 1e9, 3.5, 3.5, true}};
  batch.train_losses = {{0, 5.5, 1.0}, {1, std::nullopt, std::nullopt}};
  batch.checkpoints = {{10, "runs/x/attempt-1/checkpoint-00000010"}};
  batch.log_offset = offset;
  return batch;
}

}  // namespace

TEST_CASE("an edited spec adds and retires runs and never repeats one") {
  RunStore store = fresh_store();
  SyncCounts first = store.sync_runs({run("a"), run("b")});
  CHECK(first.added == 2);
  SyncCounts second = store.sync_runs({run("b"), run("c")});
  CHECK(second.added == 1);
  CHECK(second.kept == 1);
  CHECK(second.retired == 1);
  CHECK(store.runs().size() == 2);
  SyncCounts third = store.sync_runs({run("a"), run("b"), run("c")});
  CHECK(third.added == 0);
  CHECK(third.kept == 3);
  CHECK(store.runs().size() == 3);
}

TEST_CASE(
    "bases, losses on every text and answers to questions come back, and the views show them") {
  RunStore store = fresh_store();
  RunRow continued = run("a");
  continued.source_language = "en", continued.parent_key = "p";
  continued.tokens_base = 2560, continued.base_tokens_per_param = 8.5;
  continued.base_phase = "stable", continued.valid_seen_share = 0.25;
  RunRow searched = run("b");
  searched.search = true;
  store.sync_runs({continued, searched});
  for (const RunRow& r : store.runs()) {
    const int64_t a = store.begin_attempt(attempt(r.id, 1));
    MetricsBatch batch = losses(100);
    batch.evals.push_back({"en", 0, 0, 0, 0, 3.0, 2.0, false, 640});
    batch.evals.push_back({"fr", 0, 0, 0, 0, 5.0, 5.0, false, 640, 64, 4.1});
    batch.choices = {{"xnli", 10, 40, 15, 17, 0.75}};
    store.ingest(r.id, a, batch);
    store.end_attempt(a, {.outcome = Outcome::kDone}, 2000);
  }
  const RunRow read = store.runs()[0];
  CHECK(read.tokens_base == 2560);
  CHECK(read.base_tokens_per_param == 8.5);
  CHECK(read.base_phase == "stable");
  CHECK(read.valid_seen_share == 0.25);
  CHECK_FALSE(read.search);
  CHECK(store.results()[0].tokens_base == 2560);
  CHECK(store.results()[1].search);
  REQUIRE(store.choices().size() == 2);
  CHECK(store.choices()[0].row.correct_by_byte == 17);
  CHECK(store.choices()[0].row.answer_nats_per_byte == 0.75);
  // Of one run: three losses behind its start and two at it; observations are its own text's.
  const auto count = [&](const std::string& query) {
    Statement rows(store.database(), query);
    REQUIRE(rows.step());
    return rows.integer(0);
  };
  CHECK(count("SELECT count(*) FROM losses") == 10);
  CHECK(count("SELECT count(*) FROM observations") == 2);
  CHECK(count("SELECT count(*) FROM losses WHERE valid_tokens = 640") == 4);
  Statement bits(store.database(),
                 "SELECT bits_per_byte FROM losses WHERE step = 0 AND valid_language = 'en'");
  REQUIRE(bits.step());
  CHECK(bits.real(0) == Approx(2.0 / std::log(2.0)));
  // A tenth of the tokens stands in training text: the loss is the mean of both parts.
  Statement clean(store.database(), "SELECT loss_clean_nats FROM losses WHERE seen_tokens = 64");
  REQUIRE(clean.step());
  CHECK(0.1 * 4.1 + 0.9 * clean.real(0) == Approx(5.0));
}

TEST_CASE("a run returns from retirement with its losses") {
  RunStore store = fresh_store();
  store.sync_runs({run("a")});
  int64_t id = store.runs()[0].id;
  int64_t a = store.begin_attempt(attempt(id, 1));
  store.ingest(id, a, losses(100));
  store.end_attempt(a, {.outcome = Outcome::kDone}, 2000);
  store.sync_runs({run("b")});
  CHECK(store.results().size() == 1);
  store.sync_runs({run("a")});
  CHECK(store.results()[0].loss_nats == 2.25);
}

TEST_CASE("the state of a run is that of its last attempt") {
  RunStore store = fresh_store();
  store.sync_runs({run("a")});
  int64_t id = store.runs()[0].id;
  CHECK(store.results()[0].outcome == Outcome::kPending);
  int64_t first = store.begin_attempt(attempt(id, 1));
  CHECK(store.results()[0].outcome == Outcome::kStarted);
  store.end_attempt(first, {.outcome = Outcome::kCrashed, .message = "segmentation fault"}, 2000);
  CHECK(store.results()[0].outcome == Outcome::kCrashed);
  int64_t second = store.begin_attempt(attempt(id, 2));
  store.end_attempt(second, {.outcome = Outcome::kDone}, 3000);
  CHECK(store.results()[0].outcome == Outcome::kDone);
  CHECK(store.results()[0].attempts == 2);
}

TEST_CASE("what is asked of all runs at once is what their rows say") {
  RunStore store = fresh_store();
  CHECK(store.known_runs().empty());
  CHECK(store.outcomes().empty());
  CHECK(!store.attempt_span_ms());
  RunRow wsd = run("a"), cosine = run("b"), retired = run("c");
  wsd.recipe = R"({"schedule":{"kind":"wsd"}})", cosine.recipe = R"({"name":"\"kind\":\"wsd\""})";
  wsd.parent_key = cosine.key, retired.recipe = wsd.recipe;
  store.sync_runs({wsd, cosine, retired});
  store.sync_runs({wsd, cosine});
  const std::vector<RunRow> rows = store.runs();
  const std::vector<KnownRun> known = store.known_runs();
  REQUIRE(known.size() == 2);
  for (std::size_t i = 0; i < known.size(); ++i) {
    CHECK(known[i].id == rows[i].id);
    CHECK(known[i].key == rows[i].key);
    CHECK(known[i].parent_key == rows[i].parent_key);
    CHECK(known[i].steps == rows[i].steps);
  }
  CHECK(store.runs_with("$.schedule.kind", "wsd") == std::set<int64_t>{rows[0].id});
  CHECK(store.outcomes() == std::set<Outcome>{Outcome::kPending});
  const int64_t ended = store.begin_attempt(attempt(rows[0].id, 1));
  store.end_attempt(ended, {.outcome = Outcome::kDone}, 2000);
  CHECK(store.open_attempts().empty());
  AttemptRow later = attempt(rows[1].id, 1);
  later.device = "cuda", later.started_ms = 3000;
  const int64_t open = store.begin_attempt(later);
  CHECK(store.outcomes() == std::set<Outcome>{Outcome::kDone, Outcome::kStarted});
  REQUIRE(store.open_attempts().size() == 1);
  CHECK(store.open_attempts()[0].id == open);
  CHECK(store.attempts().size() == 2);
  REQUIRE(store.gpu_attempts().size() == 1);
  CHECK(store.gpu_attempts()[0].id == open);
  for (std::size_t i = 0; i < 2; ++i) {
    const KnownAttempt brief = store.known_attempts().at(i);
    const AttemptRow whole = store.attempts().at(i);
    CHECK(brief.run_id == whole.run_id);
    CHECK(brief.n == whole.n);
    CHECK(brief.token == whole.token);
    CHECK(brief.is_open == !whole.ended_ms.has_value());
  }
  CHECK(store.attempt_span_ms() == std::pair<int64_t, int64_t>(1000, 3000));
}

TEST_CASE("runs without a hash get one, and others keep theirs") {
  RunStore store = fresh_store();
  store.sync_runs({run("a"), run("b")});
  for (const RunRow& row : store.runs())
    store.end_attempt(store.begin_attempt(attempt(row.id, 1)), {.outcome = Outcome::kDone}, 2000);
  const auto hashes = [&] {
    std::set<std::string> found;
    Statement rows(store.database(), "SELECT sha256 FROM evidence");
    while (rows.step()) found.insert(rows.text(0));
    return found;
  };
  const std::set<std::string> sealed = hashes();
  REQUIRE(sealed.size() == 2);
  store.database().execute("DELETE FROM evidence WHERE run_id = 2");
  store.database().execute("UPDATE attempt SET outcome = 'crashed' WHERE run_id = 1");
  store.seal_evidence();
  CHECK(hashes() == sealed);
}

TEST_CASE("an outcome that nobody knows is refused with the file's name") {
  tests::TempFolder folder;
  RunStore store = RunStore::create(folder / "a.db");
  store.sync_runs({run("a")});
  store.end_attempt(store.begin_attempt(attempt(1, 1)), {.outcome = Outcome::kHung}, 2000);
  CHECK(store.attempts()[0].outcome == Outcome::kHung);
  store.database().execute("UPDATE attempt SET outcome = 'bored'");
  for (const std::string& message : {tests::message_of([&] { store.attempts(); }),
                                     tests::message_of([&] { store.results(); })}) {
    CHECK_THAT(message, has_text("a.db: a run's outcome is \"bored\""));
  }
}

TEST_CASE("two live attempts of one run cannot be recorded") {
  RunStore store = fresh_store();
  store.sync_runs({run("a")});
  store.begin_attempt(attempt(1, 1));
  CHECK_THROWS_AS(store.begin_attempt(attempt(1, 2)), DatabaseError);
}

TEST_CASE("reading the same metrics twice changes nothing") {
  RunStore store = fresh_store();
  store.sync_runs({run("a")});
  int64_t id = store.runs()[0].id, a = store.begin_attempt(attempt(id, 1));
  store.ingest(id, a, losses(100));
  store.ingest(id, a, losses(100));
  CHECK(store.evals().size() == 3);
  CHECK(store.attempts()[0].log_offset == 100);
  CHECK(store.checkpoints(id).size() == 1);
  CHECK(store.measured(id).contains({10, "fr"}));
  CHECK_FALSE(store.measured(id).contains({11, "fr"}));
}

TEST_CASE("every training loss of a large batch arrives, and the newer line replaces the older") {
  // Written many rows a statement: less than a statement's rows, a whole number of them, and a
  // rest.
  for (const int64_t rows : {1, 7, 49, 50, 51, 100, 173}) {
    CAPTURE(rows);
    RunStore store = fresh_store();
    store.sync_runs({run("a")});
    const int64_t id = store.begin_attempt(attempt(1, 1));
    MetricsBatch batch;
    for (int64_t step = 0; step < rows; ++step)
      batch.train_losses.push_back({step, 0.5 * static_cast<double>(step), std::nullopt});
    store.ingest(1, id, batch);
    for (TrainLossRow& each : batch.train_losses) each.gradient_norm = *each.loss_nats + 1;
    store.ingest(1, id, batch);
    Statement found(store.database(),
                    "SELECT count(*), sum(step = 2 * loss_nats AND gradient_norm = loss_nats + 1) "
                    "FROM train_loss");
    REQUIRE(found.step());
    CHECK(found.integer(0) == rows);
    CHECK(found.integer(1) == rows);
  }
}

TEST_CASE("lines that could not be read are counted over all looks at a file") {
  RunStore store = fresh_store();
  store.sync_runs({run("a")});
  const int64_t id = store.runs()[0].id, a = store.begin_attempt(attempt(id, 1));
  for (const int64_t damaged : {2, 0, 3}) {
    MetricsBatch batch;
    batch.damaged_lines = damaged;
    store.ingest(id, a, batch);
  }
  Statement row(store.database(), "SELECT damaged_lines FROM attempt");
  row.step();
  CHECK(row.integer(0) == 5);
}

TEST_CASE("a run is taken out of the sweep and in again, whatever the spec says meanwhile") {
  RunStore store = fresh_store();
  store.sync_runs({run("a")});
  const int64_t id = store.runs()[0].id;
  for (const bool cancelled : {true, false}) {
    store.set_cancelled(id, cancelled);
    store.sync_runs({run("a")});
    CHECK(store.runs()[0].cancelled == cancelled);
  }
}

TEST_CASE("the view of observations holds a run's own language only, and unknown is NULL") {
  RunStore store = fresh_store();
  store.sync_runs({run("a")});
  int64_t id = store.runs()[0].id, a = store.begin_attempt(attempt(id, 1));
  MetricsBatch batch = losses(100);
  batch.evals[0].loss_nats.reset();
  store.ingest(id, a, batch);
  store.end_attempt(a, {.outcome = Outcome::kDone}, 2000);
  Statement rows(
      store.database(),
      "SELECT strategy, language, size, seed, params_embedding, params_unembedding, params_blocks, "
      "params_norms, tokens_target, "
      "tokens_source, tokens_total, flops, loss_nats, end_of_schedule FROM observations");
  REQUIRE(rows.step());
  CHECK(rows.text(1) == "fr");
  CHECK(rows.is_null(12));
  CHECK(rows.integer(13) == 0);
  REQUIRE(rows.step());
  CHECK(rows.real(12) == 2.25);
  CHECK(rows.integer(13) == 1);
  CHECK_FALSE(rows.step());
}

TEST_CASE("fits are kept by language and name") {
  RunStore store = fresh_store();
  store.save_fit({"fr", "scratch", "h1", "{\"E\":1}"}, 1);
  store.save_fit({"fr", "scratch", "h2", "{\"E\":2}"}, 2);
  store.save_fit({"fr", "joint", "h2", "{}"}, 3);
  REQUIRE(store.fits().size() == 2);
  CHECK(store.fits()[0].result == "{\"E\":2}");
  CHECK_THROWS_AS(store.save_fit({"fr", "bad", "h", "no json"}, 4), DatabaseError);
}

TEST_CASE("a sweep of an earlier version is read as it is, and left so") {
  tests::TempFolder folder;
  {
    RunStore store = RunStore::create(folder / "a.db");
    store.sync_runs({run("a")});
    store.end_attempt(store.begin_attempt(attempt(1, 1)), {.outcome = Outcome::kDone}, 2000);
    // As it was before the last three changes of the schema.
    store.database().execute(
        "DROP VIEW observations; DROP VIEW losses; ALTER TABLE eval DROP COLUMN seen_tokens; "
        "ALTER TABLE eval DROP COLUMN loss_seen_nats; CREATE VIEW losses AS SELECT 1 AS step; "
        "CREATE VIEW observations AS SELECT 1 AS step; "
        "DROP VIEW attempts; DROP TABLE evidence; ALTER TABLE fit DROP COLUMN result_sha256; ALTER "
        "TABLE attempt DROP "
        "COLUMN build; ALTER TABLE attempt DROP COLUMN program_sha256; ALTER TABLE attempt DROP "
        "COLUMN data_sha256; ALTER TABLE attempt DROP COLUMN gpu_name; ALTER TABLE attempt DROP "
        "COLUMN driver; ALTER TABLE attempt DROP COLUMN gpus; ALTER TABLE attempt DROP COLUMN "
        "gpu_seconds; PRAGMA user_version = 4");
  }
  const std::string before = tests::read_file(folder / "a.db");
  const RunStore store = RunStore::read(folder / "a.db");
  REQUIRE(store.results().size() == 1);
  CHECK(store.results()[0].outcome == Outcome::kDone);
  CHECK(store.fits().empty());
  CHECK(tests::read_file(folder / "a.db") == before);
  // Brought up to date, its evidence is sealed when crosslaw run asks for it.
  RunStore newest = RunStore::create(folder / "a.db");
  newest.seal_evidence();
  Statement sealed(newest.database(), "SELECT count(*) FROM evidence");
  sealed.step();
  CHECK(sealed.integer(0) == 1);
}

TEST_CASE("readers see committed rows while a writer is at work") {
  tests::TempFolder folder;
  RunStore writer = RunStore::create(folder / "a.db");
  writer.sync_runs({run("a")});
  RunStore reader = RunStore::read(folder / "a.db");
  CHECK(reader.runs().size() == 1);
  writer.sync_runs({run("a"), run("b")});
  CHECK(reader.runs().size() == 2);
}

// A file size limit stands in for a full disk.
TEST_CASE("a full disk loses no committed row") {
  tests::TempFolder folder;
  std::string message;
  {
    RunStore store = RunStore::create(folder / "a.db");
    store.sync_runs({run("a")});
    int64_t id = store.runs()[0].id, a = store.begin_attempt(attempt(id, 1));
    store.ingest(id, a, losses(100));
    struct rlimit before {
    }, small{};
    getrlimit(RLIMIT_FSIZE, &before);
    auto handler = std::signal(SIGXFSZ, SIG_IGN);
    small = {150'000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    MetricsBatch large;
    for (int64_t step = 0; step < 50'000; ++step) large.train_losses.push_back({step, 1.5, 1.0});
    message = tests::message_of([&] { store.ingest(id, a, large); });
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
  }
  CHECK_THAT(message, has_text("a.db") && !has_text("nothing was thrown"));
  RunStore store = RunStore::create(folder / "a.db");
  CHECK(store.evals().size() == 3);
  CHECK(store.attempts()[0].log_offset == 100);
  Statement check(store.database(), "PRAGMA integrity_check");
  check.step();
  CHECK(check.text(0) == "ok");
}

}  // namespace crosslaw::db
