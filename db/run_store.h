#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "db/database.h"
#include "db/files/outcome.h"

namespace crosslaw::db {

struct RunRow {
  int64_t id = 0;
  std::string key;
  std::string name;
  std::string recipe;  // canonical JSON, of which the key is the hash
  std::string strategy;
  std::string language;
  std::optional<std::string> source_language;
  double replay = 0;
  std::string size;
  int64_t seed = 0;
  int64_t params_embedding = 0, params_unembedding = 0, params_blocks = 0, params_norms = 0;
  int64_t params_budget = 0;  // the parameters that tokens_per_param multiplies
  int64_t steps = 0;
  int64_t tokens_target = 0, tokens_source = 0;
  double flops = 0;
  std::optional<std::string> parent_key;
  // Of a run that continues another of the sweep: what its model had been trained on before.
  std::optional<int64_t> tokens_base;
  std::optional<double> base_tokens_per_param;  // as the spec called it
  std::optional<std::string> base_phase;        // "end" of a run, or of its "stable" phase
  bool search = false;  // looks for a better learning rate and batch; no point of a law
  std::optional<double> valid_seen_share;  // of its validation text, expected; by what was leaked
  bool cancelled = false;  // by the user, until a retry; sync_runs leaves it as it is
};

// What those need who look at every run or attempt; the rest of a row is an effort to read.
struct KnownAttempt {
  int64_t run_id = 0, n = 0;
  std::string token;
  bool is_open = false;  // has not ended
};

struct KnownRun {
  int64_t id = 0;
  std::string key;
  std::optional<std::string> parent_key;
  int64_t steps = 0;
  bool cancelled = false;
};

// What trains an attempt and on what; as known when it starts.
struct AttemptOrigin {
  std::optional<std::string> build;           // of the program that started it
  std::optional<std::string> program_sha256;  // of the trainer's file
  std::optional<std::string> data_sha256;     // of the hashes of its tokenizer and texts
  std::optional<int64_t> gpus;                // none on the CPU
};

struct AttemptRow {
  int64_t id = 0;
  int64_t run_id = 0;
  int64_t n = 0;  // 1 for a run's first
  std::string token;
  std::string folder;  // relative to the sweep's; as read, made from the run's key and n
  std::string device;
  std::string host;
  std::optional<std::string> boot_id;
  std::optional<int64_t> pid;
  std::optional<int64_t>
      pid_start;  // in clock ticks since boot; with pid and boot_id it names a process
  std::string backend = "local";
  std::optional<std::string> job;   // the queue's name for it
  std::optional<std::string> node;  // the machine that a queue chose
  std::optional<std::string> gpu_uuid;
  std::optional<int64_t> micro_batch;  // sequences, as asked for and then as used
  AttemptOrigin origin;
  int64_t log_offset = 0;  // bytes of metrics.jsonl that are in the tables
  int64_t started_ms = 0;
  std::optional<int64_t> ended_ms;
  std::optional<Outcome> outcome;
  std::optional<std::string> message;
  std::optional<int64_t> step;
  std::optional<double> seconds;
};

struct AttemptEnd {
  Outcome outcome = Outcome::kCrashed;
  std::string message;
  std::optional<int64_t> exit_code, exit_signal, start_step, step;
  std::optional<double> seconds, tokens_per_second;
  std::optional<std::string> provenance;                  // JSON
  std::optional<std::string> gpu_uuid, gpu_name, driver;  // by its own word
  std::optional<std::string> node;
  std::optional<int64_t> micro_batch;
};

// Where an attempt was started; what is not known stays as it was.
struct AttemptPlace {
  std::optional<std::string> boot_id;
  std::optional<int64_t> pid, pid_start;
  std::optional<std::string> job, node, gpu_uuid, gpu_name, driver;
};

struct EvalRow {
  std::string language;
  int64_t step = 0;
  int64_t tokens_target = 0, tokens_source = 0;
  double flops = 0;
  std::optional<double> loss_nats, loss_nats_per_byte;
  bool end_of_schedule = false;
  std::optional<int64_t> valid_tokens;  // that the loss is the mean of
  // Of these, those in windows that training text holds in part, and their mean loss.
  std::optional<int64_t> seen_tokens;
  std::optional<double> loss_seen_nats;
};

struct TrainLossRow {
  int64_t step = 0;
  std::optional<double> loss_nats, gradient_norm;
};

struct CheckpointRow {
  int64_t step = 0;
  std::string folder;  // relative to the sweep's; as read, made from key, n and step
};

// Answers to a set of multiple-choice questions at the end of a run.
struct ChoiceRow {
  std::string name;
  int64_t step = 0, questions = 0, correct = 0, correct_by_byte = 0;
  std::optional<double> answer_nats_per_byte;
};

// What one pass over an attempt's metrics found.
struct MetricsBatch {
  std::vector<EvalRow> evals;
  std::vector<TrainLossRow> train_losses;
  std::vector<CheckpointRow> checkpoints;
  std::vector<ChoiceRow> choices;
  int64_t log_offset = 0;  // up to which metrics.jsonl has been read
  int64_t damaged_lines = 0;
};

struct SyncCounts {
  int64_t added = 0, kept = 0, retired = 0;
};

// One row of the view run_results.
struct RunResultRow {
  int64_t run_id = 0;
  std::string key, name, strategy, language, size, device, message;
  Outcome outcome = Outcome::kPending;
  std::optional<std::string> source_language;
  double replay = 0, flops = 0;
  int64_t seed = 0, params_embedding = 0, params_unembedding = 0, params_blocks = 0,
          params_norms = 0, params_budget = 0;
  int64_t steps = 0, tokens_target = 0, tokens_source = 0, attempts = 0;
  std::optional<double> loss_nats, loss_nats_per_byte, seconds;
  std::optional<int64_t> tokens_base;
  std::optional<double> base_tokens_per_param;
  std::optional<std::string> base_phase;
  std::optional<double> valid_seen_share;
  bool search = false;  // no point of a law
};

// One row of the view losses.
struct ObservationRow {
  int64_t run_id = 0;
  std::string language;  // of the validation text
  int64_t step = 0, tokens_target = 0, tokens_source = 0;
  double flops = 0;
  std::optional<double> loss_nats;
  bool end_of_schedule = false;
  std::optional<double> loss_nats_per_byte;
  std::optional<int64_t> valid_tokens;    // that the loss is the mean of; absent: not recorded
  std::optional<int64_t> seen_tokens;     // in windows that training text holds in part
  std::optional<double> loss_seen_nats;   // their mean loss
  std::optional<double> loss_clean_nats;  // that of the others; absent too where there are none
};

// Answers, and the run that gave them.
struct RunChoices {
  int64_t run_id = 0;
  ChoiceRow row;
};

struct FitRow {
  std::string language, name, input_sha256, result;
};

// The sweep's memory. One process writes (the holder of the sweep's lock); any number read.
class RunStore {
 public:
  // Creates the file or brings it to the newest schema; with patience, waits as it says.
  static RunStore create(const std::filesystem::path& file);
  static RunStore create(const std::filesystem::path& file, LockPatience patience);
  // Needs no right to write; of an earlier schema a copy is read.
  static RunStore read(const std::filesystem::path& file);
  explicit RunStore(Database database) : db_(std::move(database)) {}

  void put_sweep(const std::string& name, const std::string& spec, const std::string& version,
                 int64_t now_ms);
  std::string sweep_name() const;

  // Makes the table hold these runs: new ones are added, retired ones return, others are retired.
  // What is stored of a known one beside its key is what the plan says.
  SyncCounts sync_runs(const std::vector<RunRow>& runs);
  std::vector<RunRow> runs() const;          // without retired ones
  std::vector<KnownRun> known_runs() const;  // the same ones
  std::set<std::string> keys() const;        // of retired ones, too
  // Ids of the runs() whose recipe has this value there: "$.schedule.kind".
  std::set<int64_t> runs_with(const std::string& json_path, const std::string& value) const;

  int64_t begin_attempt(const AttemptRow& attempt);
  void set_place(int64_t attempt_id, const AttemptPlace& place);
  // Rows and the offset up to which they were read advance in one transaction, so that reading the
  // same lines again changes nothing.
  void ingest(int64_t run_id, int64_t attempt_id, const MetricsBatch& batch);
  void end_attempt(int64_t attempt_id, const AttemptEnd& end, int64_t now_ms);
  // Takes back that an attempt was done: its final checkpoint turned out to be damaged.
  void revoke_attempt(int64_t attempt_id, Outcome outcome, const std::string& message);
  // Takes back all that an attempt gave: its losses, scores and checkpoints are forgotten.
  void discard_attempt(int64_t attempt_id, const std::string& message, int64_t now_ms);
  std::vector<AttemptRow> attempts() const;       // of all runs, by run and n
  std::vector<AttemptRow> open_attempts() const;  // those that have not ended
  std::vector<AttemptRow> gpu_attempts() const;   // those on no CPU
  std::vector<KnownAttempt> known_attempts() const;
  // From the first start to the last end, or start; nothing: no attempt.
  std::optional<std::pair<int64_t, int64_t>> attempt_span_ms() const;
  // Takes a run out of the sweep, or in again.
  void set_cancelled(int64_t run_id, bool cancelled);
  std::vector<CheckpointRow> checkpoints(int64_t run_id) const;
  void forget_checkpoint(int64_t run_id, int64_t step);

  void add_event(int64_t now_ms, std::optional<int64_t> run_id, const std::string& kind,
                 const std::string& message);

  // Step and language of each validation loss of a run, whatever its value: NULL is the loss of a
  // model that no longer has a finite one.
  std::set<std::pair<int64_t, std::string>> measured(int64_t run_id) const;
  // Multiple-choice sets that a run's model was scored on.
  std::set<std::string> scored(int64_t run_id) const;
  std::vector<RunResultRow> results() const;
  std::set<Outcome> outcomes() const;  // that occur among these
  // All languages, by run and step. Step 0 is the model that a continued run begins from.
  std::vector<ObservationRow> evals() const;

  std::vector<RunChoices> choices() const;  // by set and run

  void save_fit(const FitRow& fit, int64_t now_ms);
  // None where one of them lost a bit, its language perhaps: they are all made again.
  std::vector<FitRow> fits() const;

  // Hashes for runs of before there were any (db/evidence.h).
  void seal_evidence();
  // A consistent copy of all of it, while others read and write; the file must not be there yet.
  void copy_to(const std::filesystem::path& file) const { db_.copy_to(file); }

  Database& database() { return db_; }
  const Database& database() const { return db_; }

 private:
  void seal_run_of(int64_t attempt_id);
  std::vector<AttemptRow> attempts_where(const char* condition) const;

  Database db_;
};

}  // namespace crosslaw::db
