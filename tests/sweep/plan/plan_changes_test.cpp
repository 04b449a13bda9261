#include "sweep/plan/plan_changes.h"

#include "db/files/content_hash.h"
#include "sweep/plan/plan.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::sweep {
namespace {

// The rows of a small sweep's plan; without a corpus each text is named by its files.
std::vector<db::RunRow> rows_of(const tests::SmallSweep& sweep) {
  const SweepSpec spec = read_spec(sweep.spec);
  const Plan plan =
      make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  std::vector<db::RunRow> rows;
  for (const PlannedRun& run : plan.runs) rows.push_back(run.row);
  return rows;
}

db::RunStore store_with(const tests::SmallSweep& sweep, const std::vector<db::RunRow>& rows) {
  db::RunStore store = db::RunStore::create(sweep.folder / "crosslaw.db");
  store.sync_runs(rows);
  return store;
}

void finish(db::RunStore& store, const db::RunRow& run, double seconds) {
  db::AttemptRow attempt;
  attempt.run_id = run.id, attempt.n = 1, attempt.token = run.key;
  store.end_attempt(store.begin_attempt(attempt),
                    {.outcome = db::Outcome::kDone, .seconds = seconds}, 1);
}

std::string lines_of(const PlanChanges& changes) {
  std::string text;
  for (const std::string& line : describe(changes)) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("the same plan changes nothing") {
  const tests::SmallSweep sweep;
  const db::RunStore store = store_with(sweep, rows_of(sweep));
  const PlanChanges changes = plan_changes(store, rows_of(sweep));
  CHECK(changes.kept == 15);
  CHECK(changes.added.empty());
  CHECK(changes.retired.empty());
}

TEST_CASE("a changed recipe is told field by field, with what it costs") {
  const tests::SmallSweep sweep;
  db::RunStore store = store_with(sweep, rows_of(sweep));
  for (const db::RunRow& run : store.runs()) {
    if (run.strategy == "scratch") finish(store, run, 10);
  }
  sweep.edit("learning_rate_times_hidden = 0.2", "learning_rate_times_hidden = 0.4");
  const PlanChanges changes = plan_changes(store, rows_of(sweep));
  CHECK(changes.kept == 0);
  CHECK(changes.added.size() == 15);
  CHECK(changes.retired.size() == 15);
  CHECK(changes.finished_retired() == 6);
  CHECK(changes.seconds_retired() == 60);
  CHECK_THAT(lines_of(changes), has_text("retired: 15 runs, 6 of them finished") &&
                                    has_text("schedule.peak_learning_rate: 0.025 -> 0.05"));
  // Children of another parent say so.
  CHECK_THAT(lines_of(changes), has_text("the run that it continues"));
}

TEST_CASE("a run is known again when seeds are added, which its name then has") {
  const tests::SmallSweep sweep;
  const db::RunStore store = store_with(sweep, rows_of(sweep));
  sweep.edit("name = \"small\"", "name = \"small\"\nseeds = [1, 2]");
  sweep.edit("learning_rate_times_hidden = 0.2", "learning_rate_times_hidden = 0.4");
  const std::string lines = lines_of(plan_changes(store, rows_of(sweep)));
  CHECK_THAT(lines, has_text("schedule.peak_learning_rate: 0.025 -> 0.05"));
  CHECK(lines.find("no longer asks") == lines.npos);
}

TEST_CASE("runs that are no longer asked for are told apart from changed ones") {
  const tests::SmallSweep sweep;
  const db::RunStore store = store_with(sweep, rows_of(sweep));
  sweep.edit("name = \"scratch\"", "name = \"scratch2\"");
  const std::string renamed = lines_of(plan_changes(store, rows_of(sweep)));
  // Another name is no other training.
  CHECK(renamed == "kept: 15 runs\n");
  sweep.edit("tokens_per_param = [2, 4]\n[data]", "tokens_per_param = [4]\n[data]");
  CHECK_THAT(lines_of(plan_changes(store, rows_of(sweep))),
             has_text("for which the spec no longer asks: "));
}

TEST_CASE("fields are called by names that people know") {
  const std::string before =
      R"({"mixture":[{"language":"fr","share":1.0,"sha256":"aa"}],"tokenizer_sha256":"t","seed":1,)"
      R"("validation":[{"language":"fr","sha256":"cc"}]})";
  const std::string after =
      R"({"mixture":[{"language":"fr","share":0.5,"sha256":"bb"}],"tokenizer_sha256":"u","seed":1,)"
      R"("validation":[{"language":"fr","sha256":"cc"}],"precision":"bf16"})";
  std::string found;
  for (const RecipeChange& c : recipe_changes(before, after))
    found += c.field + ": " + c.before + " -> " + c.after + "\n";
  CHECK(found ==
        "precision: none -> bf16\n"
        "the share of fr: 1.0 -> 0.5\n"
        "the tokenizer: t -> u\n"
        "the training text of fr: aa -> bb\n");
  CHECK(recipe_changes(before, before).empty());
}

}  // namespace crosslaw::sweep
