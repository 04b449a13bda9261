#include "sweep/schedule/ingest.h"

#include "db/schema.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace {

const std::string kKey(64, 'a');

using trainer::CheckpointLine;
using trainer::EvalLine;
using trainer::LineChecks;
using trainer::TrainLines;

// A run with one attempt, and its metrics.jsonl.
struct Attempt {
  tests::TempFolder sweep;
  db::RunStore store = in_memory();
  int64_t run_id = 0, attempt_id = 0, offset = 0;

  Attempt() {
    db::RunRow run;
    run.key = kKey, run.name = "r", run.recipe = "{}", run.strategy = "s", run.language = "fr";
    run.size = "m", run.steps = 4;
    store.sync_runs({run});
    run_id = store.runs()[0].id;
    db::AttemptRow attempt;
    attempt.run_id = run_id, attempt.n = 1, attempt.token = "t", attempt.folder = "a";
    attempt_id = store.begin_attempt(attempt);
  }
  static db::RunStore in_memory() {
    db::Database database = db::Database::in_memory();
    migrate(database);
    return db::RunStore(std::move(database));
  }
  // Takes back all that was read.
  void forget() {
    store.database().execute(
        "DELETE FROM eval; DELETE FROM train_loss; DELETE FROM checkpoint;"
        "UPDATE attempt SET damaged_lines = 0, log_offset = 0");
    offset = 0;
  }
  void write(const std::string& text) const { sweep.write("a/metrics.jsonl", text); }
  void ingest(LineChecks checks = LineChecks::kRequired) {
    offset = ingest_metrics(store, sweep.path(), "a", run_id, attempt_id, offset, checks);
  }
  int64_t number(const std::string& sql) {
    db::Statement row(store.database(), sql);
    row.step();
    return row.integer(0);
  }
  // Everything that the metrics put into the tables, as text.
  std::string tables() {
    std::string text;
    for (const char* table : {"eval", "train_loss", "checkpoint"}) {
      db::Statement rows(store.database(), std::string("SELECT * FROM ") + table);
      while (rows.step()) {
        for (int c = 0; c < (table[0] == 'e' ? 10 : 4); ++c)
          text += (rows.is_null(c) ? "NULL" : rows.text(c)) + "|";
        text += "\n";
      }
    }
    return text;
  }
};

std::string sample() {
  return to_line(TrainLines{0, {5.5, 5.25, std::nullopt}, {1.5, 2.5, 0.1}}) +
         to_line(EvalLine{3, "fr", 2.0 / 3.0, 0.3, 96, 32, 1.5e9, false}) +
         to_line(CheckpointLine{3, "checkpoint-00000003"}) +
         to_line(TrainLines{3, {4.75}, {0.25}}) +
         to_line(EvalLine{4, "fr", std::nullopt, std::nullopt, 128, 42, 2e9, true}) +
         to_line(EvalLine{4, "en", 3.5, 1.25, 128, 42, 2e9, true});
}

}  // namespace

TEST_CASE("read at once or byte by byte, metrics fill the tables the same") {
  Attempt at_once, by_bytes;
  at_once.write(sample());
  at_once.ingest();
  const std::string text = sample();
  for (size_t length = 0; length <= text.size(); ++length) {
    by_bytes.write(text.substr(0, length));
    by_bytes.ingest();
  }
  CHECK(at_once.offset == static_cast<int64_t>(text.size()));
  CHECK(by_bytes.offset == at_once.offset);
  CHECK(by_bytes.tables() == at_once.tables());
  CHECK(at_once.number("SELECT count(*) FROM train_loss") == 4);
  CHECK(at_once.number("SELECT count(*) FROM eval") == 3);
  CHECK(at_once.number("SELECT count(*) FROM eval WHERE loss_nats IS NULL") == 1);
  CHECK(at_once.store.checkpoints(at_once.run_id).at(0).folder ==
        "runs/" + kKey + "/attempt-1/checkpoint-00000003");
  CHECK(at_once.store.attempts()[0].log_offset == at_once.offset);
}

TEST_CASE("reading again from the start, as after a kill, changes nothing") {
  Attempt a;
  a.write(sample());
  a.ingest();
  std::string before = a.tables();
  for (int64_t from : {int64_t{0}, static_cast<int64_t>(sample().find('\n')) + 1}) {
    a.offset = from;
    a.ingest();
    CHECK(a.tables() == before);
  }
}

TEST_CASE("a metrics file that is missing, empty or shorter than before is left alone") {
  Attempt a;
  a.ingest();
  CHECK(a.offset == 0);
  a.write("");
  a.ingest();
  CHECK(a.offset == 0);
  a.write(sample());
  a.ingest();
  int64_t whole = a.offset;
  std::string before = a.tables();
  a.write(sample().substr(0, 50));
  a.ingest();
  CHECK(a.offset == whole);
  CHECK(a.tables() == before);
}

TEST_CASE("a flipped bit costs at most its line, is counted, and never ends the sweep") {
  const std::string text = sample();
  Attempt a;
  for (size_t bit = 0; bit < 8 * (text.size() - 1); ++bit) {
    a.forget();
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    a.write(flipped + to_line(EvalLine{9, "fr", 1.0, 1.0, 1, 1, 1, true}));
    INFO("bit " << bit << ": " << flipped);
    REQUIRE_NOTHROW(a.ingest());
    // What comes after is read.
    REQUIRE(a.number("SELECT count(*) FROM eval WHERE step = 9") == 1);
    int64_t damaged = a.number("SELECT damaged_lines FROM attempt");
    REQUIRE(damaged >= 1);  // no bit goes unnoticed
    REQUIRE(damaged <= 2);  // a new line end in the middle of one
  }
}

TEST_CASE("lines of the right form and the wrong content are counted as damaged") {
  const std::string good = to_line(EvalLine{4, "fr", 2.5, 1.0, 128, 0, 2e9, true});
  for (const std::string& bad : {
           std::string(R"({"kind":"train","first_step":0,"loss_nats":[1,2],"gradient_norm":[1]})"),
           std::string(R"({"kind":"train","first_step":0,"loss_nats":[1],"gradient_norm":[]})"),
           std::string(R"({"kind":"train","first_step":"0","loss_nats":[1],"gradient_norm":[1]})"),
           std::string(R"({"kind":"eval","step":4})"),
           std::string(R"({"kind":7})"),
           std::string(R"(["eval"])"),
           std::string(R"({"kind":"checkpoint","step":3,"folder":null})"),
           std::string(R"({"kind":"checkpoint","step":3,"folder":"../../../../victim"})"),
           std::string(R"({"kind":"checkpoint","step":3,"folder":"checkpoint-00000004"})"),
           std::string(),
           std::string("\xff\xfe"),
           std::string("\0\0\0", 3),
       }) {
    INFO(bad);
    // Of an earlier version, whose lines have no check: their parts are looked at all the same.
    for (const auto checks : {LineChecks::kRequired, LineChecks::kWhereThere}) {
      Attempt a;
      a.write(bad + "\n" + good);
      a.ingest(checks);
      CHECK(a.number("SELECT damaged_lines FROM attempt") == 1);
      CHECK(a.store.evals().size() == 1);
      CHECK(a.number("SELECT count(*) FROM train_loss") == 0);
      CHECK(a.store.checkpoints(a.run_id).empty());
    }
  }
  Attempt newer;
  newer.write("{\"kind\":\"throughput\",\"tokens_per_second\":5}\n" + good);
  newer.ingest(LineChecks::kWhereThere);
  CHECK(newer.number("SELECT damaged_lines FROM attempt") == 0);  // a newer trainer's, not damage
  CHECK(newer.store.evals().size() == 1);
}

TEST_CASE("losses are counted against what the attempt was told to measure") {
  Attempt a;
  trainer::TrainConfig config;
  config.recipe.schedule.steps = 4;
  config.recipe.validation = {{"fr", ""}, {"en", ""}};
  config.execution.evaluation_steps = {3};
  config.execution.others_at_ends_only = true;
  a.write(sample());
  a.ingest();
  CHECK(missing_losses(a.store, a.run_id, config).count == 0);
  config.execution.others_at_ends_only = false;
  const MissingLosses english = missing_losses(a.store, a.run_id, config);
  CHECK(english.count == 1);
  CHECK(english.planned == 4);
  CHECK(
      describe(english) ==
      "1 of its 4 validation losses are damaged or missing in metrics.jsonl, the first that of en "
      "after step 3");
  config.execution.evaluation_steps = {1, 2, 3};
  CHECK(missing_losses(a.store, a.run_id, config).first_step == 1);
  CHECK(missing_losses(a.store, a.run_id, config).count == 5);
  // Scores of multiple-choice sets are asked for, too.
  config.execution.evaluation_steps = {3};
  config.execution.others_at_ends_only = true;
  config.execution.choice_files = {{"quiz", "quiz.jsonl"}};
  CHECK(missing_losses(a.store, a.run_id, config).first_language == "quiz");
  a.store.ingest(a.run_id, a.attempt_id, {.choices = {{"quiz", 4, 10, 3, 4, 1.5}}});
  CHECK(missing_losses(a.store, a.run_id, config).count == 0);
}

TEST_CASE("steps that a resumed attempt logs again take the place of the earlier ones") {
  Attempt a;
  a.write(sample());
  a.ingest();
  db::AttemptRow second;
  second.run_id = a.run_id, second.n = 2, second.token = "t2", second.folder = "b";
  a.store.end_attempt(a.attempt_id, {.outcome = db::Outcome::kKilled}, 1);
  int64_t id = a.store.begin_attempt(second);
  a.sweep.write("b/metrics.jsonl", to_line(TrainLines{2, {4.0, 3.0}, {1.0, 1.0}}) +
                                       to_line(EvalLine{4, "fr", 2.5, 1.0, 128, 42, 2e9, true}));
  ingest_metrics(a.store, a.sweep.path(), "b", a.run_id, id, 0);
  CHECK(a.number("SELECT count(*) FROM train_loss") == 4);
  CHECK(a.number("SELECT loss_nats FROM train_loss WHERE step = 3") == 3);
  CHECK(a.number("SELECT count(*) FROM eval") == 3);
  CHECK(a.number("SELECT attempt_id FROM eval WHERE step = 4 AND language = 'fr'") == id);
  CHECK(a.number("SELECT attempt_id FROM eval WHERE step = 3") == a.attempt_id);
}

}  // namespace crosslaw::sweep
