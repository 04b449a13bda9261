#include "db/run_store.h"

#include <fmt/format.h>

#include <map>
#include <span>

#include "db/evidence.h"
#include "db/files/content_hash.h"
#include "db/read_only_copy.h"
#include "db/schema.h"

namespace crosslaw::db {
namespace {

// What the plan says of a run beside its key, in the order of RunRow; ?1 is the key.
constexpr const char* kPlannedColumns =
    "name, recipe, strategy, language, source_language, replay, size, seed, params_embedding, "
    "params_unembedding, params_blocks, params_norms, params_budget, steps, tokens_target, "
    "tokens_source, flops, parent_key, tokens_base, base_tokens_per_param, base_phase, "
    "valid_seen_share, search";
constexpr const char* kPlannedValues =
    "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, "
    "?21, ?22, ?23, ?24";

// Everything that is read of a fit.
std::string hash_of(const FitRow& fit) {
  return sha256(
      fmt::format("{}\n{}\n{}\n{}", fit.language, fit.name, fit.input_sha256, fit.result));
}

// Many rows a statement, for its begin and end cost more than a row: 50 take 0.4 of the time of 50
// statements, 200 no less.
constexpr std::size_t kRowsAtOnce = 50;

void insert_losses(const Database& database, int64_t run_id, std::span<const TrainLossRow> losses) {
  const auto insert_of = [&](std::size_t rows) {
    std::string sql = "INSERT OR REPLACE INTO train_loss VALUES(?1, ?, ?, ?)";
    for (std::size_t i = 1; i < rows; ++i) sql += ", (?1, ?, ?, ?)";
    return Statement(database, sql);
  };
  const auto insert = [&](Statement& into, std::span<const TrainLossRow> rows) {
    into.bind(run_id);
    int at = 1;
    for (const TrainLossRow& each : rows) {
      into.bind_at(at, each.step, each.loss_nats, each.gradient_norm);
      at += 3;
    }
    into.run();
  };
  if (losses.size() >= kRowsAtOnce) {
    Statement many = insert_of(kRowsAtOnce);
    for (; losses.size() >= kRowsAtOnce; losses = losses.subspan(kRowsAtOnce))
      insert(many, losses.first(kRowsAtOnce));
  }
  if (losses.empty()) return;
  Statement rest = insert_of(losses.size());
  insert(rest, losses);
}

}  // namespace

RunStore RunStore::create(const std::filesystem::path& file) {
  Database database(file, Access::kCreate);
  migrate(database);
  return RunStore(std::move(database));
}

RunStore RunStore::create(const std::filesystem::path& file, LockPatience patience) {
  Database database(file, Access::kCreate);
  database.wait_for_locks(std::move(patience));
  migrate(database);
  return RunStore(std::move(database));
}

RunStore RunStore::read(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    throw DatabaseError(
        fmt::format("{}: there is no sweep here; crosslaw run makes one", file.string()));
  }
  Database database(file, Access::kRead);
  if (!has_older_schema(database)) return RunStore(std::move(database));
  // Looking writes nothing: a copy is brought up to date.
  const PrivateFolder folder;
  const std::filesystem::path copy = folder.path() / file.filename();
  Statement(database, "VACUUM INTO ?").bind(copy.string()).run();
  Database newest(copy, Access::kWrite);
  migrate(newest);
  return RunStore(std::move(newest));
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

SyncCounts RunStore::sync_runs(const std::vector<RunRow>& runs) {
  Transaction transaction(db_);
  SyncCounts counts;
  std::set<std::string> known = keys();
  std::map<std::string, int64_t> unwanted;
  for (KnownRun& run : known_runs()) unwanted[std::move(run.key)] = run.id;
  // Only where something differs: ten thousand runs that are as before cost no write.
  Statement update(
      db_, fmt::format("UPDATE run SET retired = 0, ({0}) = ({1}) WHERE key = ?1 AND (retired OR "
                       "({0}) IS NOT ({1}))",
                       kPlannedColumns, kPlannedValues));
  Statement add(
      db_, fmt::format("INSERT INTO run(key, {}) VALUES(?1, {})", kPlannedColumns, kPlannedValues));
  for (const RunRow& r : runs) {
    const bool is_known = !known.insert(r.key).second;
    unwanted.erase(r.key);
    // The key says that it is the same training; all else follows from the plan, the name may have
    // changed with the spec.
    (is_known ? update : add)
        .bind(r.key, r.name, r.recipe, r.strategy, r.language, r.source_language, r.replay, r.size,
              r.seed, r.params_embedding, r.params_unembedding, r.params_blocks, r.params_norms,
              r.params_budget, r.steps, r.tokens_target, r.tokens_source, r.flops, r.parent_key,
              r.tokens_base, r.base_tokens_per_param, r.base_phase, r.valid_seen_share, r.search)
        .run();
    ++(is_known ? counts.kept : counts.added);
  }
  // Retired, not deleted: the losses were paid for, and the spec may ask for them again.
  Statement retire(db_, "UPDATE run SET retired = 1 WHERE id = ?");
  for (const auto& [key, id] : unwanted) retire.bind(id).run();
  counts.retired = static_cast<int64_t>(unwanted.size());
  transaction.commit();
  return counts;
}

int64_t RunStore::begin_attempt(const AttemptRow& a) {
  Statement(db_,
            "INSERT INTO attempt(run_id, n, token, folder, device, host, boot_id, backend, "
            "micro_batch, started_ms, build, program_sha256, data_sha256, gpus) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(a.run_id, a.n, a.token, a.folder, a.device, a.host, a.boot_id, a.backend, a.micro_batch,
            a.started_ms, a.origin.build, a.origin.program_sha256, a.origin.data_sha256,
            a.origin.gpus)
      .run();
  return db_.last_insert_id();
}

void RunStore::set_place(int64_t attempt_id, const AttemptPlace& p) {
  Statement(db_,
            "UPDATE attempt SET boot_id = coalesce(?, boot_id), pid = coalesce(?, pid), pid_start "
            "= coalesce(?, pid_start), job = coalesce(?, job), node = coalesce(?, node), gpu_uuid "
            "= coalesce(?, gpu_uuid), gpu_name = coalesce(?, gpu_name), driver = coalesce(?, "
            "driver) WHERE id = ?")
      .bind(p.boot_id, p.pid, p.pid_start, p.job, p.node, p.gpu_uuid, p.gpu_name, p.driver,
            attempt_id)
      .run();
}

void RunStore::set_cancelled(int64_t run_id, bool cancelled) {
  Transaction transaction(db_);
  Statement(db_, "UPDATE run SET cancelled = ? WHERE id = ?").bind(cancelled, run_id).run();
  db::seal_evidence(db_, run_id);
  transaction.commit();
}

void RunStore::ingest(int64_t run_id, int64_t attempt_id, const MetricsBatch& batch) {
  Transaction transaction(db_);
  // A resumed run writes the steps after its checkpoint again: the newer line replaces the older.
  Statement eval(db_,
                 "INSERT OR REPLACE INTO eval(run_id, language, step, attempt_id, tokens_target, "
                 "tokens_source, flops, loss_nats, loss_nats_per_byte, end_of_schedule, "
                 "valid_tokens, seen_tokens, loss_seen_nats) "
                 "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const EvalRow& e : batch.evals) {
    eval.bind(run_id, e.language, e.step, attempt_id, e.tokens_target, e.tokens_source, e.flops,
              e.loss_nats, e.loss_nats_per_byte, e.end_of_schedule, e.valid_tokens, e.seen_tokens,
              e.loss_seen_nats)
        .run();
  }
  insert_losses(db_, run_id, batch.train_losses);
  Statement checkpoint(db_, "INSERT OR REPLACE INTO checkpoint VALUES(?, ?, ?, ?)");
  for (const CheckpointRow& c : batch.checkpoints)
    checkpoint.bind(run_id, c.step, attempt_id, c.folder).run();
  Statement choices(db_, "INSERT OR REPLACE INTO choice_score VALUES(?, ?, ?, ?, ?, ?, ?)");
  for (const ChoiceRow& c : batch.choices)
    choices
        .bind(run_id, c.name, c.step, c.questions, c.correct, c.correct_by_byte,
              c.answer_nats_per_byte)
        .run();
  // In the same transaction: rows without the offset would be read twice, the offset without them
  // never.
  Statement(db_,
            "UPDATE attempt SET log_offset = ?, damaged_lines = damaged_lines + ? WHERE id = ?")
      .bind(batch.log_offset, batch.damaged_lines, attempt_id)
      .run();
  transaction.commit();
}

void RunStore::end_attempt(int64_t attempt_id, const AttemptEnd& e, int64_t now_ms) {
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE attempt SET ended_ms = ?, outcome = ?, message = ?, exit_code = ?, exit_signal "
            "= ?, start_step = ?, step = ?, seconds = ?, "
            "tokens_per_second = ?, provenance = ?, node = coalesce(?, node), micro_batch = "
            "coalesce(?, micro_batch), gpu_uuid = coalesce(gpu_uuid, ?), gpu_name = "
            "coalesce(gpu_name, ?), driver = coalesce(driver, ?), gpu_seconds = gpus * (? - "
            "started_ms) / 1000.0 WHERE id = ?")
      .bind(now_ms, name_of(e.outcome), e.message, e.exit_code, e.exit_signal, e.start_step, e.step,
            e.seconds, e.tokens_per_second, e.provenance, e.node, e.micro_batch, e.gpu_uuid,
            e.gpu_name, e.driver, now_ms, attempt_id)
      .run();
  seal_run_of(attempt_id);
  transaction.commit();
}

void RunStore::seal_run_of(int64_t attempt_id) {
  Statement run(db_, "SELECT run_id FROM attempt WHERE id = ?");
  run.bind(attempt_id);
  if (run.step()) db::seal_evidence(db_, run.integer(0));
}

void RunStore::seal_evidence() {
  // Hashing all that was measured is only worth it where something has no hash.
  const char* unsealed = "SELECT 1 FROM attempt WHERE run_id NOT IN (SELECT run_id FROM evidence)";
  if (!Statement(db_, unsealed).step()) return;
  Transaction transaction(db_);
  db::seal_evidence(db_);
  transaction.commit();
}

void RunStore::revoke_attempt(int64_t attempt_id, Outcome outcome, const std::string& message) {
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE attempt SET outcome = ?, message = ? WHERE id = ? AND ended_ms IS NOT NULL")
      .bind(name_of(outcome), message, attempt_id)
      .run();
  seal_run_of(attempt_id);
  transaction.commit();
}

void RunStore::discard_attempt(int64_t attempt_id, const std::string& message, int64_t now_ms) {
  Transaction transaction(db_);
  for (const char* forget :
       {"DELETE FROM eval WHERE attempt_id = ?", "DELETE FROM checkpoint WHERE attempt_id = ?",
        "DELETE FROM choice_score WHERE run_id = (SELECT run_id FROM attempt WHERE id = ?)"})
    Statement(db_, forget).bind(attempt_id).run();
  Statement(db_,
            "UPDATE attempt SET outcome = ?, message = ?, ended_ms = coalesce(ended_ms, ?) WHERE "
            "id = ?")
      .bind(name_of(Outcome::kCancelled), message, now_ms, attempt_id)
      .run();
  seal_run_of(attempt_id);
  transaction.commit();
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

void RunStore::save_fit(const FitRow& fit, int64_t now_ms) {
  Statement(
      db_,
      "INSERT INTO fit(created_ms, language, name, input_sha256, result, result_sha256) VALUES(?, "
      "?, ?, ?, ?, ?) ON CONFLICT(language, name) DO UPDATE SET created_ms = excluded.created_ms, "
      "input_sha256 = excluded.input_sha256, result = excluded.result, result_sha256 = "
      "excluded.result_sha256")
      .bind(now_ms, fit.language, fit.name, fit.input_sha256, fit.result, hash_of(fit))
      .run();
}

std::vector<FitRow> RunStore::fits() const {
  Statement rows(db_,
                 "SELECT language, name, input_sha256, result, result_sha256 FROM fit ORDER BY id");
  std::vector<FitRow> fits;
  while (rows.step()) {
    FitRow f;
    std::optional<std::string> hash;  // fits of earlier versions have none
    rows.read(f.language, f.name, f.input_sha256, f.result, hash);
    if (hash && *hash != hash_of(f)) return {};
    fits.push_back(std::move(f));
  }
  return fits;
}

}  // namespace crosslaw::db
