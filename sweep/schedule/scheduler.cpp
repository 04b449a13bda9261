#include "sweep/schedule/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>

#include "sweep/schedule/ingest.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;    // how late a key press or a ready run may be noticed
constexpr auto kQueueLook = 2s;  // how often the files of jobs elsewhere are looked at
// A heartbeat comes twice a second where steps allow it; the first one after the libraries, the
// text and a checkpoint are loaded, from a cold network disk perhaps.
constexpr auto kPatienceAtStart = 30min;
constexpr auto kShortestPatience = 5min;
constexpr int kSilencesAllowed = 20;             // of the longest silence so far
constexpr double kSlowDiskBytesPerSecond = 5e7;  // a checkpoint is written in silence

std::string first_line_of(const fs::path& file) {
  std::ifstream input(file);
  std::string line;
  std::getline(input, line);
  return line;
}

}  // namespace

Scheduler::Scheduler(const Plan& plan, const trainer::Corpus& corpus, db::RunStore& store,
                     RunLauncher& launcher, SchedulerOptions options, SchedulerHooks hooks)
    : plan_(plan),
      corpus_(corpus),
      store_(store),
      launcher_(launcher),
      options_(std::move(options)),
      files_(options_.folder),
      hooks_(std::move(hooks)),
      speed_(options_.launch, launcher.device() != "cpu") {
  load_jobs();
}

SweepEnd Scheduler::run() {
  // The past first: what an earlier process left behind counts as running until it is seen to be
  // gone, so that no run is ever trained twice at the same time.
  settle_earlier_attempts();
  check_parents();
  drop_spent_checkpoints_of_all();
  flops_at_begin_ = progress().flops_done;
  begun_ms_ = hooks_.now_ms();
  take_requests();
  for (; !finished(); take_requests()) {
    const bool asked = stop_asked_ || hooks_.interrupts() > 0;
    if (launcher_.detaches() && !stop_asked_ && (asked || !hopeless_.empty()))
      return asked ? SweepEnd::kDetached : SweepEnd::kGivenUp;
    if (asked || !hopeless_.empty()) {
      stop_running();
      return hopeless_.empty() ? SweepEnd::kInterrupted : SweepEnd::kGivenUp;
    }
    start_what_fits();
    for (const AttemptState& state : launcher_.states(kTick)) observe(state);
    read_running();
    if (Clock::now() >= next_progress_) {
      hooks_.on_progress(progress());
      next_progress_ = Clock::now() + hooks_.progress_every;
    }
  }
  if (hooks_.progress_every.count() > 0) hooks_.on_progress(progress());  // the last word
  return hopeless_.empty() ? SweepEnd::kFinished : SweepEnd::kGivenUp;
}

void Scheduler::load_jobs() {
  // The plan says what is wanted, the store what happened; they meet in the key.
  std::map<std::string, int64_t> ids;
  std::set<int64_t> cancelled;
  for (const db::KnownRun& row : store_.known_runs()) {
    ids[row.key] = row.id;
    if (row.cancelled) cancelled.insert(row.id);
  }
  std::map<int64_t, size_t> job_of_run;
  for (const PlannedRun& planned : plan_.runs) {
    Job job;
    job.planned = &planned;
    job.run_id = ids.at(planned.row.key);
    if (cancelled.contains(job.run_id)) job.state = State::kCancelled;
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
    job.losses_lost = attempt.outcome == db::Outcome::kLossesLost;
    if (attempt.outcome == db::Outcome::kDone) job.state = State::kDone;
    if (attempt.outcome == db::Outcome::kDiverged) job.state = State::kDiverged;
    if (attempt.outcome == db::Outcome::kOutOfMemory && attempt.device == launcher_.device())
      remember_memory(job, attempt.micro_batch);
  }
  // Backwards, for runs come after those they start from: a parent is as urgent as its longest
  // chain of children. The longest chain first leaves few slots idle at the end (highest level
  // first, Hu 1961).
  successors_.resize(jobs_.size());
  for (size_t i = jobs_.size(); i-- > 0;) {
    jobs_[i].urgency += plan_.runs[i].flops_to_train();
    for (const auto& start : {plan_.runs[i].parent, plan_.runs[i].trunk}) {
      if (!start) continue;
      jobs_[start->run].urgency = std::max(jobs_[start->run].urgency, jobs_[i].urgency);
      successors_[start->run].push_back(i);
    }
  }
  by_urgency_.resize(jobs_.size());
  std::iota(by_urgency_.begin(), by_urgency_.end(), 0);
  // Among equals the first of the plan.
  std::stable_sort(by_urgency_.begin(), by_urgency_.end(), [&](std::size_t a, std::size_t b) {
    return jobs_[a].urgency > jobs_[b].urgency;
  });
}

// Attempts that an earlier process left open: the launcher looks for them, and each is judged when
// it is gone, by what it left behind.
void Scheduler::settle_earlier_attempts() {
  std::map<int64_t, std::size_t> job_of_run;
  for (std::size_t i = 0; i < jobs_.size(); ++i) job_of_run[jobs_[i].run_id] = i;
  std::vector<EarlierAttempt> earlier;
  for (const db::AttemptRow& attempt : store_.open_attempts()) {
    const fs::path folder = options_.folder / attempt.folder;
    earlier.push_back(
        {{attempt.id,
          attempt.token,
          "",
          trainer::config_file(folder),
          trainer::log_file(folder),
          {}},
         {attempt.boot_id, attempt.pid, attempt.pid_start, attempt.gpu_uuid, attempt.job},
         attempt.host,
         attempt.backend});
    Live& live = live_[attempt.id];
    live = live_of(attempt);
    live.adopted = true;
    if (const auto job = job_of_run.find(attempt.run_id); job != job_of_run.end()) {
      live.job = job->second;
      live.cancelled = jobs_[*live.job].state == State::kCancelled;
      if (!live.cancelled) jobs_[*live.job].state = State::kRunning;
    }
  }
  launcher_.adopt(earlier);
  for (const auto& [attempt, live] : live_) {
    if (!live.job || live.cancelled) launcher_.stop(attempt, true);
  }
}

// A child of what has failed can never start. It stays waiting and is not given up itself: once the
// parent is mended, the next invocation trains both.
bool Scheduler::blocked(const Job& job) const {
  if (!job.planned->parent) return false;
  const Job& parent = jobs_[job.planned->parent->run];
  const bool hopeless = parent.state == State::kFailed || parent.state == State::kDiverged ||
                        parent.state == State::kCancelled || blocked(parent);
  // The store is asked last: all jobs are looked at many times a second.
  return hopeless && !base_is_there(job);
}

bool Scheduler::ready(const Job& job) const {
  if (job.state != State::kWaiting || job.not_before_ms > hooks_.now_ms()) return false;
  if (job.planned->parent && jobs_[job.planned->parent->run].state != State::kDone &&
      !base_is_there(job))
    return false;
  // A trunk only saves work, so it is worth waiting for while it may still publish; without it the
  // run trains the shared steps itself and gets the same losses.
  if (!job.planned->trunk) return true;
  const Job& trunk = jobs_[job.planned->trunk->run];
  bool may_still_come = trunk.state == State::kWaiting || trunk.state == State::kRunning;
  return !may_still_come || checkpoint_at(trunk, job.planned->trunk->step).has_value();
}

std::optional<std::size_t> Scheduler::most_urgent() const {
  const auto best = std::find_if(by_urgency_.begin(), by_urgency_.end(),
                                 [&](std::size_t job) { return ready(jobs_[job]); });
  return best == by_urgency_.end() ? std::nullopt : std::optional(*best);
}

void Scheduler::start_what_fits() {
  // All places here are taken: nobody needs to be asked who is next.
  const auto run = std::count_if(live_.begin(), live_.end(), [](const auto& each) {
    return each.second.where == Whereabouts::kRunning;
  });
  if (!launcher_.detaches() && static_cast<std::size_t>(run) >= launcher_.places()) return;
  // The most urgent waits for its GPUs, and all others with it: else small runs would keep a large
  // one from ever having enough of them at the same time.
  for (auto best = most_urgent(); best && launcher_.reserve(gpus_of(jobs_[*best]));
       best = most_urgent()) {
    if (!start(*best)) return;
  }
}

void Scheduler::take_requests() {
  for (const Request& request : hooks_.requests()) {
    if (request.kind == RequestKind::kStop) {
      stop_asked_ = true;
      continue;
    }
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      Job& job = jobs_[i];
      if (job.planned->row.key != request.key) continue;
      const bool cancel = request.kind == RequestKind::kCancel;
      if (!cancel) give_up_unseen(i);
      if (cancel && (job.state == State::kDone || job.state == State::kCancelled)) continue;
      if (!cancel && job.state == State::kDiverged) forget_divergence(job);
      if (!cancel && job.state != State::kCancelled && job.state != State::kFailed) continue;
      hooks_.say(
          fmt::format("{}: {}", job.planned->name,
                      cancel ? "cancelled; crosslaw retry takes it in again" : "is tried again"));
      store_.set_cancelled(job.run_id, cancel);
      job.state = cancel ? State::kCancelled : State::kWaiting;
      job.failures = {}, job.not_before_ms = 0;
      for (auto& [attempt, live] : live_) {
        if (live.job != i) continue;
        if (cancel) live.cancelled = true, launcher_.stop(attempt, true);
        // One that is being ended must be gone before the next begins.
        if (!cancel) job.state = State::kRunning;
      }
    }
  }
}

// Its result for good, unless the user knows better.
void Scheduler::forget_divergence(Job& job) {
  for (const db::AttemptRow& attempt : store_.attempts()) {
    if (attempt.run_id == job.run_id && attempt.outcome == db::Outcome::kDiverged)
      store_.revoke_attempt(attempt.id, db::Outcome::kCancelled,
                            "diverged, and tried again by the user");
  }
  job.state = State::kFailed;
}

// Asked to try again what nobody can see: then it is gone, as far as we know.
void Scheduler::give_up_unseen(std::size_t job) {
  std::vector<int64_t> unseen;
  for (const auto& [attempt, live] : live_) {
    if (live.job == job && live.where == Whereabouts::kUnknown && !live.cancelled)
      unseen.push_back(attempt);
  }
  for (int64_t attempt : unseen) finish({.attempt_id = attempt, .where = Whereabouts::kGone});
}

void Scheduler::read_running() {
  // Files on other machines' disks are asked for less often than our own.
  if (launcher_.detaches() && Clock::now() < next_look_) return;
  next_look_ = Clock::now() + kQueueLook;
  std::vector<int64_t> ended;
  for (auto& [attempt, live] : live_) {
    if (!live.job) continue;
    live.log_offset = ingest_metrics(store_, options_.folder, live.folder, jobs_[*live.job].run_id,
                                     attempt, live.log_offset);
    // Compared, not parsed: whatever changes shows that the process lives. Our own clock times it,
    // for the file's date comes from a file server that may disagree.
    std::string heartbeat = first_line_of(trainer::heartbeat_file(options_.folder / live.folder));
    // Empty: the trainer is just writing it.
    if (!heartbeat.empty() && heartbeat != live.heartbeat) {
      const auto silence = Clock::now() - live.heartbeat_seen;
      if (live.heartbeat.empty())
        live.first_step = Live::step_of(heartbeat), live.first_step_seen = Clock::now();
      else
        live.longest_silence = std::max(live.longest_silence.value_or(silence), silence);
      live.heartbeat = heartbeat, live.heartbeat_seen = Clock::now(), live.running = true;
    }
    if (!live.hung && silent_for_too_long(live)) {
      live.hung = true;
      launcher_.stop(attempt, true);
    }
    // A queue is slow to tell, and may be wrong; the result is there when all else is.
    if (launcher_.detaches() && fs::exists(trainer::result_file(options_.folder / live.folder)))
      ended.push_back(attempt);
  }
  for (int64_t attempt : ended) {
    ended_early_[attempt] = Clock::now();
    finish({.attempt_id = attempt, .where = Whereabouts::kGone});
  }
}

bool Scheduler::silent_for_too_long(const Live& live) const {
  if (!live.running) return false;
  const auto silence = Clock::now() - live.heartbeat_seen;
  if (!live.longest_silence) return silence > kPatienceAtStart;
  const std::chrono::duration<double> writing(jobs_[*live.job].planned->checkpoint_bytes() /
                                              kSlowDiskBytesPerSecond);
  const auto patience =
      std::max<Clock::duration>(kShortestPatience, kSilencesAllowed * *live.longest_silence);
  return silence > patience + writing;
}

void Scheduler::stop_running() {
  hooks_.say(fmt::format(
      "stopping: {} runs publish a checkpoint; press Ctrl-C again to stop at once", live_.size()));
  // The press that brought us here asked for checkpoints. A request (crosslaw stop) brought none:
  // then the first press only repeats it.
  const int before = hooks_.interrupts();
  bool at_once = false;
  // No time limit: a checkpoint of a large model takes as long as it takes, and the user has the
  // second Ctrl-C.
  for (const auto& [attempt, live] : live_) launcher_.stop(attempt, false);
  while (!live_.empty()) {
    if (!at_once && hooks_.interrupts() > std::max(1, before)) {
      at_once = true;
      for (const auto& [attempt, live] : live_) launcher_.stop(attempt, true);
    }
    for (const AttemptState& state : launcher_.states(kTick)) observe(state);
    if (launcher_.detaches()) read_running();
  }
}

bool Scheduler::finished() const {
  if (!live_.empty()) return false;
  return std::none_of(jobs_.begin(), jobs_.end(), [&](const Job& job) {
    return job.state == State::kWaiting && !blocked(job);
  });
}

}  // namespace crosslaw::sweep
