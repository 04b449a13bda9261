#include "db/run_store.h"

#include <fmt/format.h>

#include "db/schema.h"

namespace crosslaw::db {
namespace {

RunRow read_run(const Statement& row) {
  return {.id = row.integer(0),
          .key = row.text(1),
          .name = row.text(2),
          .recipe = row.text(3),
          .strategy = row.text(4),
          .language = row.text(5),
          .source_language = row.is_null(6) ? std::nullopt : std::optional(row.text(6)),
          .replay = row.real(7),
          .size = row.text(8),
          .seed = row.integer(9),
          .params_embedding = row.integer(10),
          .params_unembedding = row.integer(11),
          .params_blocks = row.integer(12),
          .params_norms = row.integer(13),
          .params_budget = row.integer(14),
          .steps = row.integer(15),
          .tokens_target = row.integer(16),
          .tokens_source = row.integer(17),
          .flops = row.real(18),
          .parent_key = row.is_null(19) ? std::nullopt : std::optional(row.text(19))};
}

AttemptRow read_attempt(const Statement& row) {
  auto optional_text = [&](int column) {
    return row.is_null(column) ? std::nullopt : std::optional(row.text(column));
  };
  return {.id = row.integer(0),
          .run_id = row.integer(1),
          .n = row.integer(2),
          .token = row.text(3),
          .folder = row.text(4),
          .device = row.text(5),
          .host = row.text(6),
          .boot_id = optional_text(7),
          .pid = row.optional_integer(8),
          .pid_start = row.optional_integer(9),
          .log_offset = row.integer(10),
          .started_ms = row.integer(11),
          .ended_ms = row.optional_integer(12),
          .outcome = optional_text(13),
          .message = optional_text(14),
          .step = row.optional_integer(15),
          .seconds = row.optional_real(16)};
}

}  // namespace

RunStore RunStore::create(const std::filesystem::path& file) {
  Database database(file, Access::kCreate);
  migrate(database);
  return RunStore(std::move(database));
}

RunStore RunStore::read(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    throw DatabaseError(
        fmt::format("{}: there is no sweep here; crosslaw run makes one", file.string()));
  }
  Database database(file, Access::kRead);
  require_newest_schema(database);
  return RunStore(std::move(database));
}

void RunStore::put_sweep(const std::string& name, const std::string& spec,
                         const std::string& version, int64_t now_ms) {
  Statement(db_,
            "INSERT INTO sweep(id, name, spec, crosslaw, created_ms) VALUES(1, ?, ?, ?, ?) "
            "ON CONFLICT(id) DO UPDATE SET name = excluded.name, spec = excluded.spec, crosslaw = "
            "excluded.crosslaw")
      .bind(name, spec, version, now_ms)
      .run();
}

std::string RunStore::sweep_name() const {
  Statement row(db_, "SELECT name FROM sweep");
  return row.step() ? row.text(0) : "";
}

SyncCounts RunStore::sync_runs(const std::vector<RunRow>& runs) {
  Transaction transaction(db_);
  SyncCounts counts;
  db_.execute("CREATE TEMP TABLE IF NOT EXISTS wanted(key TEXT PRIMARY KEY); DELETE FROM wanted");
  Statement want(db_, "INSERT INTO wanted VALUES(?)");
  Statement known(db_, "SELECT retired FROM run WHERE key = ?");
  Statement revive(db_,
                   "UPDATE run SET retired = 0, name = ?, strategy = ?, size = ? WHERE key = ?");
  Statement add(db_,
                "INSERT INTO run(key, name, recipe, strategy, language, source_language, replay, "
                "size, seed, params_embedding, "
                "params_unembedding, params_blocks, params_norms, params_budget, steps, "
                "tokens_target, tokens_source, flops, parent_key) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const RunRow& r : runs) {
    want.bind(r.key).run();
    known.bind(r.key);
    if (known.step()) {
      revive.bind(r.name, r.strategy, r.size, r.key).run();
      ++counts.kept;
      continue;
    }
    add.bind(r.key, r.name, r.recipe, r.strategy, r.language, r.source_language, r.replay, r.size,
             r.seed, r.params_embedding, r.params_unembedding, r.params_blocks, r.params_norms,
             r.params_budget, r.steps, r.tokens_target, r.tokens_source, r.flops, r.parent_key)
        .run();
    ++counts.added;
  }
  db_.execute(
      "UPDATE run SET retired = 1 WHERE NOT retired AND key NOT IN (SELECT key FROM wanted)");
  counts.retired = db_.changes();
  transaction.commit();
  return counts;
}

std::vector<RunRow> RunStore::runs() const {
  // 0 id, 1 key, 2 name, 3 recipe, 4 strategy, 5 language, 6 source_language, 7 replay, 8 size, 9
  // seed, 10-14 params_*, 15 steps, 16 tokens_target, 17 tokens_source, 18 flops, 19 parent_key
  Statement rows(db_,
                 "SELECT id, key, name, recipe, strategy, language, source_language, replay, size, "
                 "seed, params_embedding, params_unembedding, "
                 "params_blocks, params_norms, params_budget, steps, tokens_target, tokens_source, "
                 "flops, parent_key FROM run WHERE NOT retired "
                 "ORDER BY id");
  std::vector<RunRow> runs;
  while (rows.step()) runs.push_back(read_run(rows));
  return runs;
}

int64_t RunStore::begin_attempt(const AttemptRow& a) {
  Statement(db_,
            "INSERT INTO attempt(run_id, n, token, folder, device, host, boot_id, started_ms) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(a.run_id, a.n, a.token, a.folder, a.device, a.host, a.boot_id, a.started_ms)
      .run();
  return db_.last_insert_id();
}

void RunStore::set_process(int64_t attempt_id, int64_t pid, int64_t pid_start) {
  Statement(db_, "UPDATE attempt SET pid = ?, pid_start = ? WHERE id = ?")
      .bind(pid, pid_start, attempt_id)
      .run();
}

void RunStore::ingest(int64_t run_id, int64_t attempt_id, const MetricsBatch& batch) {
  Transaction transaction(db_);
  Statement eval(db_, "INSERT OR REPLACE INTO eval VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const EvalRow& e : batch.evals) {
    eval.bind(run_id, e.language, e.step, attempt_id, e.tokens_target, e.tokens_source, e.flops,
              e.loss_nats, e.loss_nats_per_byte, e.end_of_schedule)
        .run();
  }
  Statement loss(db_, "INSERT OR REPLACE INTO train_loss VALUES(?, ?, ?, ?)");
  for (const TrainLossRow& t : batch.train_losses)
    loss.bind(run_id, t.step, t.loss_nats, t.gradient_norm).run();
  Statement checkpoint(db_, "INSERT OR REPLACE INTO checkpoint VALUES(?, ?, ?, ?)");
  for (const CheckpointRow& c : batch.checkpoints)
    checkpoint.bind(run_id, c.step, attempt_id, c.folder).run();
  Statement(db_,
            "UPDATE attempt SET log_offset = ?, damaged_lines = damaged_lines + ? WHERE id = ?")
      .bind(batch.log_offset, batch.damaged_lines, attempt_id)
      .run();
  transaction.commit();
}

void RunStore::end_attempt(int64_t attempt_id, const AttemptEnd& e, int64_t now_ms) {
  Statement(db_,
            "UPDATE attempt SET ended_ms = ?, outcome = ?, message = ?, exit_code = ?, exit_signal "
            "= ?, start_step = ?, step = ?, seconds = ?, "
            "tokens_per_second = ?, provenance = ? WHERE id = ?")
      .bind(now_ms, e.outcome, e.message, e.exit_code, e.exit_signal, e.start_step, e.step,
            e.seconds, e.tokens_per_second, e.provenance, attempt_id)
      .run();
}

void RunStore::revoke_attempt(int64_t attempt_id, const std::string& outcome,
                              const std::string& message) {
  Statement(db_,
            "UPDATE attempt SET outcome = ?, message = ? WHERE id = ? AND ended_ms IS NOT NULL")
      .bind(outcome, message, attempt_id)
      .run();
}

std::vector<AttemptRow> RunStore::attempts() const {
  // 0 id, 1 run_id, 2 n, 3 token, 4 folder, 5 device, 6 host, 7 boot_id, 8 pid, 9 pid_start, 10
  // log_offset, 11 started_ms, 12 ended_ms, 13 outcome, 14 message, 15 step, 16 seconds
  Statement rows(db_,
                 "SELECT id, run_id, n, token, folder, device, host, boot_id, pid, pid_start, "
                 "log_offset, started_ms, ended_ms, outcome, message, "
                 "step, seconds FROM attempt ORDER BY run_id, n");
  std::vector<AttemptRow> attempts;
  while (rows.step()) attempts.push_back(read_attempt(rows));
  return attempts;
}

std::vector<CheckpointRow> RunStore::checkpoints(int64_t run_id) const {
  Statement rows(db_, "SELECT step, folder FROM checkpoint WHERE run_id = ? ORDER BY step");
  rows.bind(run_id);
  std::vector<CheckpointRow> checkpoints;
  while (rows.step()) checkpoints.push_back({rows.integer(0), rows.text(1)});
  return checkpoints;
}

void RunStore::forget_checkpoint(int64_t run_id, int64_t step) {
  Statement(db_, "DELETE FROM checkpoint WHERE run_id = ? AND step = ?").bind(run_id, step).run();
}

void RunStore::add_event(int64_t now_ms, std::optional<int64_t> run_id, const std::string& kind,
                         const std::string& message) {
  Statement(db_, "INSERT INTO event(at_ms, run_id, kind, message) VALUES(?, ?, ?, ?)")
      .bind(now_ms, run_id, kind, message)
      .run();
}

bool RunStore::has_eval(int64_t run_id, const std::string& language, int64_t step) const {
  return Statement(db_, "SELECT 1 FROM eval WHERE run_id = ? AND language = ? AND step = ?")
      .bind(run_id, language, step)
      .step();
}

std::vector<RunResultRow> RunStore::results() const {
  Statement rows(db_,
                 "SELECT run_id, key, name, strategy, language, size, outcome, device, message, "
                 "source_language, replay, flops, seed, "
                 "params_embedding, params_unembedding, params_blocks, params_norms, "
                 "params_budget, steps, tokens_target, tokens_source, attempts, "
                 "loss_nats, loss_nats_per_byte, seconds FROM run_results ORDER BY run_id");
  std::vector<RunResultRow> results;
  while (rows.step()) {
    RunResultRow r;
    r.run_id = rows.integer(0), r.key = rows.text(1), r.name = rows.text(2),
    r.strategy = rows.text(3), r.language = rows.text(4);
    r.size = rows.text(5), r.outcome = rows.text(6), r.device = rows.text(7),
    r.message = rows.text(8);
    if (!rows.is_null(9)) r.source_language = rows.text(9);
    r.replay = rows.real(10), r.flops = rows.real(11), r.seed = rows.integer(12);
    r.params_embedding = rows.integer(13), r.params_unembedding = rows.integer(14),
    r.params_blocks = rows.integer(15);
    r.params_norms = rows.integer(16), r.params_budget = rows.integer(17),
    r.steps = rows.integer(18);
    r.tokens_target = rows.integer(19), r.tokens_source = rows.integer(20),
    r.attempts = rows.integer(21);
    r.loss_nats = rows.optional_real(22), r.loss_nats_per_byte = rows.optional_real(23),
    r.seconds = rows.optional_real(24);
    results.push_back(std::move(r));
  }
  return results;
}

std::vector<ObservationRow> RunStore::evals() const {
  Statement rows(
      db_,
      "SELECT run_id, language, step, tokens_target, tokens_source, flops, loss_nats, "
      "end_of_schedule FROM eval "
      "WHERE run_id IN (SELECT id FROM run WHERE NOT retired) ORDER BY run_id, language, step");
  std::vector<ObservationRow> evals;
  while (rows.step()) {
    evals.push_back({rows.integer(0), rows.text(1), rows.integer(2), rows.integer(3),
                     rows.integer(4), rows.real(5), rows.optional_real(6), rows.integer(7) != 0});
  }
  return evals;
}

void RunStore::save_fit(const FitRow& fit, int64_t now_ms) {
  Statement(
      db_,
      "INSERT INTO fit(created_ms, language, name, input_sha256, result) VALUES(?, ?, ?, ?, ?) "
      "ON CONFLICT(language, name) DO UPDATE SET created_ms = excluded.created_ms, input_sha256 = "
      "excluded.input_sha256, "
      "result = excluded.result")
      .bind(now_ms, fit.language, fit.name, fit.input_sha256, fit.result)
      .run();
}

std::vector<FitRow> RunStore::fits() const {
  Statement rows(db_, "SELECT language, name, input_sha256, result FROM fit ORDER BY id");
  std::vector<FitRow> fits;
  while (rows.step()) fits.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3)});
  return fits;
}

}  // namespace crosslaw::db
