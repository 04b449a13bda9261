#include "sweep/schedule/recover.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include "db/files/inside_folder.h"
#include "db/files/read_file.h"
#include "db/files/run_folders.h"
#include "sweep/schedule/ingest.h"
#include "trainer/recipe/checkpoint_state.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

int64_t modified_ms(const fs::path& file, int64_t otherwise) {
  std::error_code error;
  const auto written = fs::last_write_time(file, error);
  if (error) return otherwise;
  const auto since = std::chrono::file_clock::to_sys(written).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

// Trainers of earlier versions wrote lines without a check.
trainer::LineChecks checks_in(const fs::path& metrics) {
  const std::string text = db::read_file(metrics).value_or("");
  return text.find("\"check\":\"") == std::string::npos ? trainer::LineChecks::kWhereThere
                                                        : trainer::LineChecks::kRequired;
}

class Recovery {
 public:
  Recovery(db::RunStore& store, const RecoverOptions& options)
      : store_(store), options_(options), files_(options.folder) {
    for (const db::KnownAttempt& attempt : store.known_attempts()) {
      known_[attempt.run_id].insert(attempt.n);
      tokens_.insert(attempt.token);
      if (attempt.is_open) open_.insert(attempt.run_id);
    }
  }

  int64_t take_all() {
    for (const db::KnownRun& run : store_.known_runs()) {
      std::set<int64_t> unknown;
      for (const std::string& name : files_.names(db::run_folder(run.key))) {
        const auto n = db::attempt_number(name);
        if (n && !known_[run.id].contains(*n)) unknown.insert(*n);
      }
      for (int64_t n : unknown) take(run, n, n == *unknown.rbegin() && n > newest(run.id));
    }
    return taken_;
  }

 private:
  int64_t newest(int64_t run_id) { return known_[run_id].empty() ? 0 : *known_[run_id].rbegin(); }

  void take(const db::KnownRun& run, int64_t n, bool last) {
    // One that has not ended comes first; a run has one such attempt at most.
    if (open_.contains(run.id)) return;
    db::AttemptRow attempt;
    attempt.run_id = run.id, attempt.n = n;
    attempt.folder = db::attempt_folder(run.key, n);
    const fs::path folder = options_.folder / attempt.folder;
    // A folder that was made and never used.
    if (!fs::exists(trainer::config_file(folder))) return;
    trainer::TrainConfig config;
    try {
      config = trainer::read_config(trainer::config_file(folder));
    } catch (const std::runtime_error& error) {
      return options_.say(fmt::format("{}; its attempt is left out", error.what()));
    }
    // Under another key, or copied: not what its folder says.
    if (trainer::run_key(config.recipe) != run.key || tokens_.contains(config.execution.token))
      return options_.say(fmt::format("{}: is not of this run; left out", folder.string()));
    attempt.token = config.execution.token;
    attempt.device = config.execution.device;
    attempt.host = options_.host, attempt.backend = options_.backend;
    attempt.started_ms = modified_ms(trainer::config_file(folder), options_.now_ms);
    attempt.id = store_.begin_attempt(attempt);
    tokens_.insert(attempt.token);
    ++taken_;
    const int64_t offset = ingest_metrics(store_, options_.folder, attempt.folder, run.id,
                                          attempt.id, 0, checks_in(trainer::metrics_file(folder)));
    forget_absent_checkpoints(run.id);
    record_checkpoint(run, attempt, offset);
    const auto result = trainer::read_result(folder);
    const bool ours = result && result->token == attempt.token;
    if (!ours && last) return;
    db::AttemptEnd end{.outcome = db::Outcome::kLost, .message = "left no result"};
    if (ours) end = end_by(*result, run.id, config);
    store_.end_attempt(attempt.id, end,
                       modified_ms(trainer::result_file(folder), attempt.started_ms));
  }

  db::AttemptEnd end_by(const trainer::RunResult& result, int64_t run_id,
                        const trainer::TrainConfig& config) const {
    db::AttemptEnd end;
    end.outcome = result.outcome, end.message = result.message;
    end.start_step = result.start_step, end.step = result.step;
    end.seconds = result.seconds, end.tokens_per_second = result.tokens_per_second;
    end.provenance = result.provenance;
    if (end.outcome != db::Outcome::kDone) return end;
    const MissingLosses missing = missing_losses(store_, run_id, config);
    if (missing.count > 0) end.outcome = db::Outcome::kLossesLost, end.message = describe(missing);
    return end;
  }

  // Metrics tell of every checkpoint there ever was.
  void forget_absent_checkpoints(int64_t run_id) {
    for (const db::CheckpointRow& row : store_.checkpoints(run_id)) {
      if (!files_.has_folder(row.folder)) store_.forget_checkpoint(run_id, row.step);
    }
  }

  // The final one, even if the line that tells of it lost a bit.
  void record_checkpoint(const db::KnownRun& run, const db::AttemptRow& attempt, int64_t offset) {
    const std::string folder = attempt.folder + "/" + db::checkpoint_name(run.steps);
    if (!files_.has_folder(folder) ||
        !trainer::checkpoint_damage(options_.folder / folder, false).empty())
      return;
    db::MetricsBatch found;
    found.checkpoints.push_back({run.steps, folder});
    found.log_offset = offset;
    store_.ingest(run.id, attempt.id, found);
  }

  db::RunStore& store_;
  const RecoverOptions& options_;
  db::InsideFolder files_;
  std::map<int64_t, std::set<int64_t>> known_;  // by run
  std::set<std::string> tokens_;
  std::set<int64_t> open_;  // runs with an attempt that has not ended
  int64_t taken_ = 0;
};

}  // namespace

int64_t recover_attempts(db::RunStore& store, const RecoverOptions& options) {
  return Recovery(store, options).take_all();
}

int64_t discard_other_precision(db::RunStore& store, int64_t now_ms) {
  const std::vector<db::AttemptRow> on_gpus = store.gpu_attempts();
  // Most often there are none, and every recipe is an effort to read.
  if (on_gpus.empty()) return 0;
  const std::set<int64_t> automatic = store.runs_with("$.precision", "auto");
  int64_t discarded = 0;
  for (const db::AttemptRow& attempt : on_gpus) {
    if (attempt.outcome == db::Outcome::kCancelled || !automatic.contains(attempt.run_id)) continue;
    store.discard_attempt(attempt.id, "trained in bf16 on a GPU, where fp32 is asked for", now_ms);
    ++discarded;
  }
  return discarded;
}

}  // namespace crosslaw::sweep
