// One attempt of a run: how it is started, what its end means, whether the run is tried again.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>

#include "sweep/schedule/ingest.h"
#include "sweep/schedule/scheduler.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kKillsAllowed = 20;  // ends from outside say nothing against the run
// The last try has a sixteenth of the batch; then the model itself does not fit.
constexpr int64_t kMemoryFailuresAllowed = 4;
constexpr int64_t kFirstRetryMs = 1000;
constexpr int64_t kMostDoublings = 5;     // waits grow from 2 s to 32 s
constexpr int64_t kSlotTakenMs = 30'000;  // until a device that others use is tried again

int64_t backoff_ms(int64_t failures) { return kFirstRetryMs << std::min(failures, kMostDoublings); }

// Unlike the folder's name it cannot be guessed or repeated: a result is believed only with it.
std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", device());
  return token;
}

std::string attempt_folder(const std::string& key, int64_t n) {
  return fmt::format("runs/{}/attempt-{}", key, n);
}

std::string last_line_of(const fs::path& file) {
  std::ifstream input(file);
  std::string last;
  for (std::string line; std::getline(input, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

void Scheduler::start(size_t index, size_t slot) {
  Job& job = jobs_[index];
  db::AttemptRow attempt;
  attempt.run_id = job.run_id;
  attempt.n = ++job.attempts;
  attempt.token = random_token();
  attempt.folder = attempt_folder(job.planned->row.key, attempt.n);
  attempt.device = slots_[slot].device();
  attempt.host = options_.host;
  attempt.boot_id = options_.boot_id;
  attempt.started_ms = hooks_.now_ms();
  // Recorded before the process exists: should we be killed in between, the next invocation finds
  // an attempt without a process, never a process without an attempt.
  attempt.id = store_.begin_attempt(attempt);
  fs::path folder = options_.folder / attempt.folder;
  fs::create_directories(folder);
  write_attempt_config(job, slots_[slot], attempt.token, folder);
  auto process = launcher_.start(
      {attempt.id, trainer::config_file(folder), trainer::log_file(folder), slots_[slot]});
  if (!process) {
    store_.end_attempt(attempt.id,
                       {.outcome = db::Outcome::kSlotTaken,
                        .message = slots_[slot].name() + " is used by another program"},
                       hooks_.now_ms());
    // Not the run's fault: no failure, and the slot waits, for another one may be free.
    slot_not_before_ms_[slot] = hooks_.now_ms() + kSlotTakenMs;
    return;
  }
  store_.set_process(attempt.id, process->pid, process->start_ticks);
  job.state = State::kRunning;
  slot_busy_[slot] = true;
  live_[attempt.id] = {.job = index,
                       .slot = slot,
                       .folder = attempt.folder,
                       .token = attempt.token,
                       .log_offset = 0,
                       .started_ms = attempt.started_ms,
                       .heartbeat = "",
                       .heartbeat_seen = std::chrono::steady_clock::now()};
}

void Scheduler::write_attempt_config(const Job& job, const Slot& slot, const std::string& token,
                                     const fs::path& folder) const {
  const PlannedRun& planned = *job.planned;
  trainer::TrainConfig config;
  config.recipe = planned.recipe;
  trainer::Execution& e = config.execution;
  e.token = token;
  e.device = slot.device();
  e.gpu_uuid = slot.gpu_uuid;
  e.threads = options_.launch.threads_per_run;
  for (const trainer::MixturePart& part : planned.recipe.mixture)
    e.train_shards[part.language] = corpus_.language(part.language).train.file.string();
  for (const trainer::ValidationSet& set : planned.recipe.validation)
    e.valid_shards[set.language] = corpus_.language(set.language).valid.file.string();
  e.start_checkpoints = start_checkpoints(job);
  // By step: beside its final checkpoint a parent may still hold branch points.
  if (planned.parent) {
    if (auto parent = checkpoint_at(jobs_[planned.parent->run], planned.parent->step))
      e.parent_checkpoint = (options_.folder / *parent).string();
  }
  if (!planned.start_model.empty())
    e.parent_checkpoint = corpus_.start_models.at(planned.start_model).folder.string();
  // From here on what the losses do not depend on; it stays out of the recipe and its key.
  e.evaluation_steps = planned.evaluation_steps;
  e.others_at_end_only = options_.source_loss_at_end_only;
  e.publish_steps = planned.publish_steps;
  e.checkpoint_every_seconds = options_.checkpoint_every_seconds;
  e.micro_batch_sequences = job.micro_batch;
  trainer::write_config(config, trainer::config_file(folder));
}

void Scheduler::finish(const ProcessExit& exit) {
  // A cancelled attempt's process is told of, too, once the stop has reached it.
  if (!live_.contains(exit.attempt_id)) return;
  const Live live = live_.at(exit.attempt_id);
  live_.erase(exit.attempt_id);
  if (live.slot < slots_.size()) slot_busy_[live.slot] = false;
  Job& job = jobs_[live.job];
  // First the last lines of its metrics: whether a run is done depends on the losses that arrived.
  ingest_metrics(store_, options_.folder, live.folder, job.run_id, exit.attempt_id,
                 live.log_offset);
  const db::AttemptEnd end = end_of(exit, live);
  store_.end_attempt(exit.attempt_id, end, hooks_.now_ms());
  if (end.outcome == db::Outcome::kDone) {
    // Of a resumed run only the part that this attempt trained.
    speed_.add(job.planned->row.flops * static_cast<double>(*end.step - *end.start_step) /
                   static_cast<double>(job.planned->row.steps),
               static_cast<double>(hooks_.now_ms() - live.started_ms) / 1000,
               end.seconds.value_or(0));
  }
  judge(job, end);
  if (job.state == State::kDone) drop_spent_checkpoints(live.job);
}

// The trainer's own word counts most; without one, the signal and the heartbeat tell.
db::AttemptEnd Scheduler::end_of(const ProcessExit& exit, const Live& live) const {
  const Job& job = jobs_[live.job];
  const fs::path folder = options_.folder / live.folder;
  db::AttemptEnd end;
  end.exit_code = exit.code;
  end.exit_signal = exit.signal;
  const auto result = trainer::read_result(folder);
  // The token: a result may lie there that an earlier process wrote for another attempt.
  if (result && result->token == live.token) {
    end.outcome = result->outcome;
    end.message = result->message;
    end.start_step = result->start_step, end.step = result->step;
    end.seconds = result->seconds, end.tokens_per_second = result->tokens_per_second;
    end.provenance = result->provenance;
    if (end.outcome == db::Outcome::kDone &&
        !store_.has_eval(job.run_id, job.planned->row.language, job.planned->row.steps)) {
      end.outcome = db::Outcome::kCrashed;
      end.message = "done, but its last validation loss is missing from metrics.jsonl";
    }
    return end;
  }
  const int64_t signal = exit.signal.value_or(0);
  const bool lost = !exit.code && !exit.signal;  // it ended while nobody was watching
  const bool from_outside = lost || signal == SIGKILL || signal == SIGTERM;
  end.outcome = live.hung      ? db::Outcome::kHung
                : from_outside ? db::Outcome::kKilled
                               : db::Outcome::kCrashed;
  end.message = last_line_of(trainer::log_file(folder));
  return end;
}

void Scheduler::judge(Job& job, const db::AttemptEnd& end) {
  job.state = State::kWaiting;
  // A run that gets further each time is not hopeless, however often it ends early.
  const int64_t step = end.step.value_or(0);
  if (step > job.best_step) job.best_step = step, job.crashes = job.kills = 0;
  switch (end.outcome) {
    case db::Outcome::kDone:
      job.state = State::kDone;
      return;
    case db::Outcome::kDiverged:
      job.state = State::kDiverged;
      hooks_.say(fmt::format("{}: diverged, which is recorded as its result: {}", job.planned->name,
                             end.message));
      return;
    case db::Outcome::kStopped:  // by us; it goes on from its checkpoint
      return;
    case db::Outcome::kOutOfMemory:
      // Half the micro-batch needs about half the activations and gives the same loss.
      ++job.memory_failures;
      job.micro_batch =
          std::max<int64_t>(1, job.planned->recipe.batch_sequences >> job.memory_failures);
      return retry(job,
                   {job.memory_failures, kMemoryFailuresAllowed, backoff_ms(job.memory_failures),
                    "out of memory; trying smaller micro-batches"});
    case db::Outcome::kKilled:
      ++job.kills;
      return retry(job, {job.kills, kKillsAllowed, 0, "killed from outside"});
    default:
      // A refusal may mean that the parent's checkpoint is rotten; then the parent comes first.
      if (end.outcome == db::Outcome::kRefused && job.planned->parent)
        require_checkpoint(*job.planned->parent, true);
      ++job.crashes;
      return retry(job, {job.crashes, options_.launch.retries, backoff_ms(job.crashes),
                         fmt::format("{}: {}", db::name_of(end.outcome), end.message)});
  }
}

void Scheduler::retry(Job& job, const Failure& failure) {
  if (failure.times > failure.allowed) {
    job.state = State::kFailed;
    store_.add_event(hooks_.now_ms(), job.run_id, "failed", failure.why);
    const fs::path folder = attempt_folder(job.planned->row.key, job.attempts);
    hooks_.say(fmt::format("{}: failed {} times, given up ({}); see {}", job.planned->name,
                           failure.times, failure.why,
                           trainer::log_file(options_.folder / folder).string()));
    return;
  }
  job.not_before_ms = hooks_.now_ms() + failure.wait_ms;
  hooks_.say(fmt::format("{}: {}; trying again", job.planned->name, failure.why));
}

}  // namespace crosslaw::sweep
