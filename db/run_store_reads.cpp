// What the store gives back. Whoever wrote the file, names are shown on terminals and folders are
// opened: both are looked at first.
#include <fmt/format.h>

#include "db/files/printable.h"
#include "db/files/run_folders.h"
#include "db/run_store.h"

namespace crosslaw::db {
namespace {

Outcome stored_outcome(const Database& database, const std::string& name) {
  if (const auto outcome = outcome_named(name)) return *outcome;
  throw DatabaseError(
      fmt::format("{}: a run's outcome is \"{}\", which this crosslaw does not know; was the file "
                  "edited, or written by a newer one?",
                  database.name(), name));
}

// Built from the key, never read from the database: the folder is deleted later, and a stranger
// could have written any path. Empty for an invalid key; database_damage() tells of it.
std::string folder_of(const std::string& key, int64_t n) {
  return is_run_key(key) ? attempt_folder(key, n) : "";
}

}  // namespace

std::string RunStore::sweep_name() const {
  Statement row(db_, "SELECT name FROM sweep");
  return row.step() ? printable(row.text(0)) : "";
}

std::vector<RunRow> RunStore::runs() const {
  Statement rows(
      db_,
      "SELECT id, key, name, recipe, strategy, language, source_language, replay, size, "
      "seed, params_embedding, params_unembedding, params_blocks, params_norms, "
      "params_budget, steps, tokens_target, tokens_source, flops, parent_key, cancelled, "
      "tokens_base, base_tokens_per_param, base_phase, valid_seen_share, search "
      "FROM run WHERE NOT retired ORDER BY id");
  std::vector<RunRow> runs;
  while (rows.step()) {
    RunRow& r = runs.emplace_back();
    rows.read(r.id, r.key, r.name, r.recipe, r.strategy, r.language, r.source_language, r.replay,
              r.size, r.seed, r.params_embedding, r.params_unembedding, r.params_blocks,
              r.params_norms, r.params_budget, r.steps, r.tokens_target, r.tokens_source, r.flops,
              r.parent_key, r.cancelled, r.tokens_base, r.base_tokens_per_param, r.base_phase,
              r.valid_seen_share, r.search);
    // Whoever wrote the file, a name is shown on terminals.
    for (std::string* text : {&r.name, &r.strategy, &r.language, &r.size}) *text = printable(*text);
  }
  return runs;
}

std::set<std::string> RunStore::keys() const {
  Statement rows(db_, "SELECT key FROM run");
  std::set<std::string> keys;
  while (rows.step()) keys.insert(rows.text(0));
  return keys;
}

std::vector<KnownRun> RunStore::known_runs() const {
  Statement rows(db_,
                 "SELECT id, key, parent_key, steps, cancelled FROM run WHERE NOT retired ORDER BY "
                 "id");
  std::vector<KnownRun> runs;
  while (rows.step()) {
    KnownRun& r = runs.emplace_back();
    rows.read(r.id, r.key, r.parent_key, r.steps, r.cancelled);
  }
  return runs;
}

std::set<int64_t> RunStore::runs_with(const std::string& json_path,
                                      const std::string& value) const {
  Statement rows(db_,
                 "SELECT id FROM run WHERE NOT retired AND CASE WHEN json_valid(recipe) THEN "
                 "json_extract(recipe, ?1) END = ?2 ORDER BY id");
  rows.bind(json_path, value);
  std::set<int64_t> ids;
  while (rows.step()) ids.insert(ids.end(), rows.integer(0));
  return ids;
}

std::vector<AttemptRow> RunStore::attempts() const { return attempts_where("1"); }

std::vector<AttemptRow> RunStore::open_attempts() const {
  return attempts_where("ended_ms IS NULL");
}

std::vector<AttemptRow> RunStore::gpu_attempts() const { return attempts_where("device <> 'cpu'"); }

std::vector<KnownAttempt> RunStore::known_attempts() const {
  Statement rows(db_, "SELECT run_id, n, token, ended_ms IS NULL FROM attempt ORDER BY run_id, n");
  std::vector<KnownAttempt> attempts;
  while (rows.step()) {
    KnownAttempt& a = attempts.emplace_back();
    rows.read(a.run_id, a.n, a.token, a.is_open);
  }
  return attempts;
}

std::optional<std::pair<int64_t, int64_t>> RunStore::attempt_span_ms() const {
  Statement span(db_, "SELECT min(started_ms), max(coalesce(ended_ms, started_ms)) FROM attempt");
  if (!span.step() || span.is_null(0)) return std::nullopt;
  return std::pair(span.integer(0), span.integer(1));
}

std::vector<AttemptRow> RunStore::attempts_where(const char* condition) const {
  Statement rows(
      db_, fmt::format("SELECT attempt.id, run_id, n, token, run.key, device, host, boot_id, pid, "
                       "pid_start, log_offset, started_ms, ended_ms, outcome, message, step, "
                       "seconds, backend, job, node, gpu_uuid, micro_batch FROM attempt JOIN run "
                       "ON run.id = run_id WHERE {} ORDER BY run_id, n",
                       condition));
  std::vector<AttemptRow> attempts;
  while (rows.step()) {
    AttemptRow& a = attempts.emplace_back();
    std::optional<std::string> outcome;
    std::string key;
    rows.read(a.id, a.run_id, a.n, a.token, key, a.device, a.host, a.boot_id, a.pid, a.pid_start,
              a.log_offset, a.started_ms, a.ended_ms, outcome, a.message, a.step, a.seconds,
              a.backend, a.job, a.node, a.gpu_uuid, a.micro_batch);
    if (outcome) a.outcome = stored_outcome(db_, *outcome);
    a.folder = folder_of(key, a.n);
    if (a.message) a.message = printable(*a.message);
  }
  return attempts;
}

std::vector<CheckpointRow> RunStore::checkpoints(int64_t run_id) const {
  Statement rows(db_,
                 "SELECT checkpoint.step, run.key, attempt.n FROM checkpoint JOIN attempt ON "
                 "attempt.id = attempt_id JOIN run ON run.id = checkpoint.run_id WHERE "
                 "checkpoint.run_id = ? ORDER BY checkpoint.step");
  rows.bind(run_id);
  std::vector<CheckpointRow> checkpoints;
  while (rows.step()) {
    const int64_t step = rows.integer(0);
    const std::string folder = folder_of(rows.text(1), rows.integer(2));
    if (!folder.empty()) checkpoints.push_back({step, folder + "/" + checkpoint_name(step)});
  }
  return checkpoints;
}

std::set<std::pair<int64_t, std::string>> RunStore::measured(int64_t run_id) const {
  Statement rows(db_, "SELECT step, language FROM eval WHERE run_id = ?");
  rows.bind(run_id);
  std::set<std::pair<int64_t, std::string>> found;
  while (rows.step()) found.emplace(rows.integer(0), rows.text(1));
  return found;
}

std::set<std::string> RunStore::scored(int64_t run_id) const {
  Statement rows(db_, "SELECT name FROM choice_score WHERE run_id = ?");
  rows.bind(run_id);
  std::set<std::string> names;
  while (rows.step()) names.insert(rows.text(0));
  return names;
}

std::vector<RunResultRow> RunStore::results() const {
  Statement rows(db_,
                 "SELECT run_id, key, name, strategy, language, size, outcome, device, message, "
                 "source_language, replay, flops, seed, params_embedding, params_unembedding, "
                 "params_blocks, params_norms, params_budget, steps, tokens_target, "
                 "tokens_source, attempts, loss_nats, loss_nats_per_byte, seconds, tokens_base, "
                 "base_tokens_per_param, base_phase, valid_seen_share, search "
                 "FROM run_results ORDER BY run_id");
  std::vector<RunResultRow> results;
  while (rows.step()) {
    RunResultRow& r = results.emplace_back();
    std::string outcome;
    rows.read(r.run_id, r.key, r.name, r.strategy, r.language, r.size, outcome, r.device, r.message,
              r.source_language, r.replay, r.flops, r.seed, r.params_embedding,
              r.params_unembedding, r.params_blocks, r.params_norms, r.params_budget, r.steps,
              r.tokens_target, r.tokens_source, r.attempts, r.loss_nats, r.loss_nats_per_byte,
              r.seconds, r.tokens_base, r.base_tokens_per_param, r.base_phase, r.valid_seen_share,
              r.search);
    r.outcome = stored_outcome(db_, outcome);
    for (std::string* text : {&r.name, &r.strategy, &r.language, &r.size, &r.message})
      *text = printable(*text);
  }
  return results;
}

std::set<Outcome> RunStore::outcomes() const {
  Statement rows(db_, "SELECT DISTINCT outcome FROM run_results");
  std::set<Outcome> outcomes;
  while (rows.step()) outcomes.insert(stored_outcome(db_, rows.text(0)));
  return outcomes;
}

std::vector<ObservationRow> RunStore::evals() const {
  Statement rows(
      db_,
      "SELECT run_id, valid_language, step, tokens_target, tokens_source, flops, loss_nats, "
      "end_of_schedule, loss_nats_per_byte, valid_tokens, seen_tokens, loss_seen_nats, "
      "loss_clean_nats FROM losses ORDER BY run_id, valid_language, step");
  std::vector<ObservationRow> evals;
  while (rows.step()) {
    ObservationRow& o = evals.emplace_back();
    rows.read(o.run_id, o.language, o.step, o.tokens_target, o.tokens_source, o.flops, o.loss_nats,
              o.end_of_schedule, o.loss_nats_per_byte, o.valid_tokens, o.seen_tokens,
              o.loss_seen_nats, o.loss_clean_nats);
  }
  return evals;
}

std::vector<RunChoices> RunStore::choices() const {
  Statement rows(db_,
                 "SELECT run_id, name, step, questions, correct, correct_by_byte, "
                 "answer_nats_per_byte FROM choice_score WHERE run_id IN (SELECT id FROM run WHERE "
                 "NOT retired) ORDER BY name, run_id");
  std::vector<RunChoices> choices;
  while (rows.step()) {
    RunChoices& c = choices.emplace_back();
    rows.read(c.run_id, c.row.name, c.row.step, c.row.questions, c.row.correct,
              c.row.correct_by_byte, c.row.answer_nats_per_byte);
  }
  return choices;
}

}  // namespace crosslaw::db
