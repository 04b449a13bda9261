#include "sweep/schedule/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "sweep/schedule/ingest.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTick = 100ms;  // how late a key press or a ready run may be noticed
// Longer than any step, evaluation or checkpoint of a model that one device trains.
constexpr auto kHungAfter = 30min;

std::string first_line_of(const fs::path& file) {
  std::ifstream input(file);
  std::string line;
  std::getline(input, line);
  return line;
}

}  // namespace

Scheduler::Scheduler(const Plan& plan, const trainer::Corpus& corpus, db::RunStore& store,
                     RunLauncher& launcher, std::vector<Slot> slots, SchedulerOptions options,
                     SchedulerHooks hooks)
    : plan_(plan),
      corpus_(corpus),
      store_(store),
      launcher_(launcher),
      slots_(std::move(slots)),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      slot_busy_(slots_.size(), false),
      slot_not_before_ms_(slots_.size(), 0),
      speed_(options_.launch, slots_) {
  load_jobs();
}

SweepEnd Scheduler::run() {
  // The past first: what an earlier process left behind is settled before anything new starts, so
  // that no run is ever trained twice at the same time.
  settle_earlier_attempts();
  check_parents();
  flops_at_begin_ = progress().flops_done;
  begun_ms_ = hooks_.now_ms();
  while (!finished()) {
    if (hooks_.interrupts() > 0) {
      stop_running();
      return SweepEnd::kInterrupted;
    }
    start_what_fits();
    for (const ProcessExit& exit : launcher_.wait(kTick)) finish(exit);
    read_running();
    hooks_.on_progress(progress());
  }
  return SweepEnd::kFinished;
}

void Scheduler::load_jobs() {
  // The plan says what is wanted, the store what happened; they meet in the key.
  std::map<std::string, int64_t> ids;
  for (const db::RunRow& row : store_.runs()) ids[row.key] = row.id;
  std::map<int64_t, size_t> job_of_run;
  for (const PlannedRun& planned : plan_.runs) {
    Job job;
    job.planned = &planned;
    job.run_id = ids.at(planned.row.key);
    job_of_run[job.run_id] = jobs_.size();
    jobs_.push_back(job);
  }
  for (const db::AttemptRow& attempt : store_.attempts()) {
    auto at = job_of_run.find(attempt.run_id);
    if (at == job_of_run.end()) continue;
    Job& job = jobs_[at->second];
    // Attempts come in order, so the last one's word stays.
    job.attempts = attempt.n;
    job.best_step = std::max(job.best_step, attempt.step.value_or(0));
    if (attempt.outcome == db::Outcome::kDone) job.state = State::kDone;
    if (attempt.outcome == db::Outcome::kDiverged) job.state = State::kDiverged;
  }
  // Backwards, for runs come after those they start from: a parent is as urgent as its longest
  // chain of children. The longest chain first leaves few slots idle at the end (highest level
  // first, Hu 1961).
  for (size_t i = jobs_.size(); i-- > 0;) {
    jobs_[i].urgency += plan_.runs[i].flops_to_train();
    for (const auto& start : {plan_.runs[i].parent, plan_.runs[i].trunk}) {
      if (start) jobs_[start->run].urgency = std::max(jobs_[start->run].urgency, jobs_[i].urgency);
    }
  }
}

// Attempts that an earlier process left open: still running ones are taken over, others are judged
// by what they left behind.
void Scheduler::settle_earlier_attempts() {
  std::map<int64_t, size_t> job_of_run;
  for (size_t i = 0; i < jobs_.size(); ++i) job_of_run[jobs_[i].run_id] = i;
  for (const db::AttemptRow& attempt : store_.attempts()) {
    if (attempt.ended_ms) continue;
    fs::path config = trainer::config_file(options_.folder / attempt.folder);
    bool here = attempt.host == options_.host;
    // Only on this host can a process be looked for; elsewhere its files are all the evidence.
    auto process = here ? launcher_.adopt(attempt.id, config) : std::nullopt;
    auto job = job_of_run.find(attempt.run_id);
    if (job == job_of_run.end()) {
      if (process) launcher_.stop(attempt.id, true);
      store_.end_attempt(
          attempt.id,
          {.outcome = db::Outcome::kCancelled, .message = "the spec no longer asks for this run"},
          hooks_.now_ms());
      continue;
    }
    // The slot that it trains on is not recorded, its kind of device is. When none is free (fewer
    // slots than before), it goes on without one and the others wait for no place of its.
    size_t slot = slots_.size();
    for (size_t i = slots_.size(); i-- > 0;) {
      if (process && !slot_busy_[i] && slots_[i].device() == attempt.device) slot = i;
    }
    if (slot < slots_.size()) slot_busy_[slot] = true;
    jobs_[job->second].state = State::kRunning;
    live_[attempt.id] = {.job = job->second,
                         .slot = slot,
                         .folder = attempt.folder,
                         .token = attempt.token,
                         .log_offset = attempt.log_offset,
                         .started_ms = attempt.started_ms,
                         .heartbeat = "",
                         .heartbeat_seen = Clock::now()};
    if (process) {
      store_.set_process(attempt.id, process->pid, process->start_ticks);
      hooks_.say(fmt::format("{}: still training as process {}", jobs_[job->second].planned->name,
                             process->pid));
    } else {
      // Gone: judged like any end, by the result that it may have left.
      finish({attempt.id, {}, {}});
    }
  }
}

// A child of what has failed can never start. It stays waiting and is not given up itself: once the
// parent is mended, the next invocation trains both.
bool Scheduler::blocked(const Job& job) const {
  if (!job.planned->parent) return false;
  const Job& parent = jobs_[job.planned->parent->run];
  return parent.state == State::kFailed || parent.state == State::kDiverged || blocked(parent);
}

bool Scheduler::ready(const Job& job) const {
  if (job.state != State::kWaiting || job.not_before_ms > hooks_.now_ms()) return false;
  if (job.planned->parent && jobs_[job.planned->parent->run].state != State::kDone) return false;
  // A trunk only saves work, so it is worth waiting for while it may still publish; without it the
  // run trains the shared steps itself and gets the same losses.
  if (!job.planned->trunk) return true;
  const Job& trunk = jobs_[job.planned->trunk->run];
  bool may_still_come = trunk.state == State::kWaiting || trunk.state == State::kRunning;
  return !may_still_come || checkpoint_at(trunk, job.planned->trunk->step).has_value();
}

std::optional<size_t> Scheduler::free_slot() const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!slot_busy_[i] && slot_not_before_ms_[i] <= hooks_.now_ms()) return i;
  }
  return std::nullopt;
}

void Scheduler::start_what_fits() {
  for (auto slot = free_slot(); slot; slot = free_slot()) {
    // The most urgent of what may start; among equals the first of the plan.
    std::optional<size_t> best;
    for (size_t i = 0; i < jobs_.size(); ++i) {
      if (ready(jobs_[i]) && (!best || jobs_[i].urgency > jobs_[*best].urgency)) best = i;
    }
    if (!best) return;
    start(*best, *slot);
  }
}

void Scheduler::read_running() {
  for (auto& [attempt, live] : live_) {
    live.log_offset = ingest_metrics(store_, options_.folder, live.folder, jobs_[live.job].run_id,
                                     attempt, live.log_offset);
    // Compared, not parsed: whatever changes shows that the process lives. Our own clock times it,
    // for the file's date comes from a file server that may disagree.
    std::string heartbeat = first_line_of(trainer::heartbeat_file(options_.folder / live.folder));
    // Empty: the trainer is just writing it.
    if (!heartbeat.empty() && heartbeat != live.heartbeat)
      live.heartbeat = heartbeat, live.heartbeat_seen = Clock::now();
    if (!live.hung && Clock::now() - live.heartbeat_seen > kHungAfter) {
      live.hung = true;
      launcher_.stop(attempt, true);
    }
  }
}

void Scheduler::stop_running() {
  hooks_.say(fmt::format(
      "stopping: {} runs publish a checkpoint; press Ctrl-C again to stop at once", live_.size()));
  bool at_once = false;
  // No time limit: a checkpoint of a large model takes as long as it takes, and the user has the
  // second Ctrl-C.
  for (const auto& [attempt, live] : live_) launcher_.stop(attempt, false);
  while (!live_.empty()) {
    if (!at_once && hooks_.interrupts() > 1) {
      at_once = true;
      for (const auto& [attempt, live] : live_) launcher_.stop(attempt, true);
    }
    for (const ProcessExit& exit : launcher_.wait(kTick)) finish(exit);
  }
}

bool Scheduler::finished() const {
  if (!live_.empty()) return false;
  return std::none_of(jobs_.begin(), jobs_.end(), [&](const Job& job) {
    return job.state == State::kWaiting && !blocked(job);
  });
}

}  // namespace crosslaw::sweep
