// What an attempt's end means, and whether its run is tried again.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>

#include "db/files/read_file.h"
#include "db/files/run_folders.h"
#include "sweep/schedule/ingest.h"
#include "sweep/schedule/scheduler.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
namespace {

// After its result a job's end takes a moment; what the queue still has then is a mistake of its.
constexpr auto kMomentAfterResult = 60s;

// What the trainer says of its GPU in its provenance.
void read_gpu(const std::string& provenance, db::AttemptEnd& end) {
  const auto json = nlohmann::json::parse(provenance, nullptr, false);
  const auto gpu = json.is_object() ? json.find("gpu") : json.end();
  if (gpu == json.end() || !gpu->is_object()) return;
  const auto text = [&](const char* key) -> std::optional<std::string> {
    const auto at = gpu->find(key);
    if (at == gpu->end() || !at->is_string() || at->get<std::string>().empty()) return std::nullopt;
    return at->get<std::string>();
  };
  end.gpu_uuid = text("uuid"), end.gpu_name = text("name"), end.driver = text("driver");
}

bool signalled(const AttemptState& end, int signal) {
  // As the kernel says it, and as a shell in between does.
  return end.signal == signal || end.code == 128 + signal;
}

bool never_started(const AttemptState& end) {
  constexpr std::array kCodes = {trainer::kExitBadConfig, kExitCannotStart, kExitNotFound};
  return std::find(kCodes.begin(), kCodes.end(), end.code) != kCodes.end();
}

}  // namespace

// The attempt may be of another invocation, whose spec asked for other losses on the way.
trainer::TrainConfig Scheduler::as_told(const Job& job, const fs::path& folder) const {
  try {
    return trainer::read_config(trainer::config_file(folder));
  } catch (const std::runtime_error&) {
    return as_planned(job);
  }
}

// Half of what did not fit needs about half the activations and gives the same loss. Runs of one
// size need the same memory, so that the others need not find out for themselves.
void Scheduler::remember_memory(const Job& job, std::optional<int64_t> micro_batch) {
  const int64_t failed = micro_batch.value_or(job.planned->recipe.batch_sequences);
  int64_t& known = micro_batches_.try_emplace(job.planned->row.size, failed).first->second;
  known = std::max<int64_t>(1, std::min(known, failed / 2));
}

void Scheduler::observe(const AttemptState& state) {
  const auto at = live_.find(state.attempt_id);
  if (at == live_.end()) {
    const auto early = ended_early_.find(state.attempt_id);
    if (early == ended_early_.end()) return;
    if (state.where == Whereabouts::kGone) {
      ended_early_.erase(early);
    } else if (state.where != Whereabouts::kUnknown &&
               Clock::now() > early->second + kMomentAfterResult) {
      launcher_.stop(state.attempt_id, true);
      early->second = Clock::now();
    }
    return;
  }
  if (state.where == Whereabouts::kGone) return finish(state);
  at->second.where = state.where;
  if (state.where == Whereabouts::kUnknown || !at->second.job) return;
  Live& live = at->second;
  const std::string& name = jobs_[*live.job].planned->name;
  if ((state.node && state.node != live.node) || (state.job && state.job != live.queue_job)) {
    live.node = state.node, live.queue_job = state.job;
    store_.set_place(state.attempt_id, {.job = state.job, .node = state.node});
  }
  if (state.where == Whereabouts::kRunning && !live.running)
    live.running = true, live.heartbeat_seen = Clock::now();
  if (live.adopted && !live.cancelled)
    hooks_.say(fmt::format("{}: still {} as {}", name,
                           state.where == Whereabouts::kRunning ? "training" : "queued",
                           state.place));
  live.adopted = false;
  if (state.blocked != live.blocked && !state.blocked.empty()) {
    hooks_.say(
        fmt::format("{}: blocked: {} can never start: {}", name, state.place, state.blocked));
    store_.add_event(hooks_.now_ms(), jobs_[*live.job].run_id, "blocked", state.blocked);
  }
  live.blocked = state.blocked;
}

void Scheduler::finish(const AttemptState& end) {
  const auto at = live_.find(end.attempt_id);
  if (at == live_.end()) return;
  Live live = at->second;
  live_.erase(at);
  if (!live.job || live.cancelled) {
    const char* why = live.job ? "cancelled by the user" : "the spec no longer asks for this run";
    store_.end_attempt(end.attempt_id, {.outcome = db::Outcome::kCancelled, .message = why},
                       hooks_.now_ms());
    // Asked for again in the meantime.
    if (live.job && jobs_[*live.job].state == State::kRunning)
      jobs_[*live.job].state = State::kWaiting;
    return;
  }
  Job& job = jobs_[*live.job];
  // First the last lines of its metrics: whether a run is done depends on the losses that arrived.
  live.log_offset = ingest_metrics(store_, options_.folder, live.folder, job.run_id, end.attempt_id,
                                   live.log_offset);
  const db::AttemptEnd verdict = end_of(end, live);
  if (verdict.outcome == db::Outcome::kDone)
    record_untold_checkpoints(job, end.attempt_id, live.folder, live.log_offset);
  store_.end_attempt(end.attempt_id, verdict, hooks_.now_ms());
  if (verdict.outcome == db::Outcome::kDone) {
    // Of a resumed run only the part that this attempt trained.
    speed_.add(work_of(job, static_cast<double>(*verdict.step - *verdict.start_step)),
               static_cast<double>(hooks_.now_ms() - live.started_ms) / 1000,
               verdict.seconds.value_or(0));
  }
  if (verdict.outcome == db::Outcome::kOutOfMemory) remember_memory(job, verdict.micro_batch);
  if ((verdict.outcome == db::Outcome::kNodeFailed || verdict.outcome == db::Outcome::kLost) &&
      verdict.node)
    job.avoid_nodes.push_back(*verdict.node);
  // How far its checkpoints reach counts, too: who is killed tells no step.
  int64_t step = verdict.step.value_or(0);
  for (const db::CheckpointRow& row : store_.checkpoints(job.run_id))
    step = std::max(step, row.step);
  const bool got_further = step > job.best_step;
  job.best_step = std::max(job.best_step, step);
  judge(job, verdict, got_further);
  if (job.state == State::kDone) drop_spent_checkpoints(*live.job);
}

// The trainer's own word counts most; without one, the queue's word, the signal and the heartbeat.
db::AttemptEnd Scheduler::end_of(const AttemptState& state, const Live& live) const {
  const Job& job = jobs_[*live.job];
  const fs::path folder = options_.folder / live.folder;
  db::AttemptEnd end;
  end.exit_code = state.code;
  end.exit_signal = state.signal;
  end.node = state.node ? state.node : live.node;
  end.micro_batch = live.micro_batch;
  const auto result = trainer::read_result(folder);
  // The token: a result may lie there that an earlier process wrote for another attempt.
  if (result && result->token == live.token) {
    end.outcome = result->outcome;
    end.message = result->message;
    end.start_step = result->start_step, end.step = result->step;
    end.seconds = result->seconds, end.tokens_per_second = result->tokens_per_second;
    end.provenance = result->provenance;
    read_gpu(result->provenance, end);
    if (end.outcome == db::Outcome::kDone) {
      const MissingLosses missing = missing_losses(store_, job.run_id, as_told(job, folder));
      if (missing.count > 0)
        end.outcome = db::Outcome::kLossesLost, end.message = describe(missing);
    }
    // It stopped as it was asked; the queue knows why it was asked.
    if (end.outcome == db::Outcome::kStopped && state.cause) end.outcome = *state.cause;
    return end;
  }
  const bool never_let_go = state.code == kExitNotLetGo;
  const bool nothing_known = (!state.code || never_let_go) && !state.signal && !state.cause;
  end.message = state.message.empty()
                    ? reason_in_log(db::read_file(trainer::log_file(folder)).value_or(""))
                    : state.message;
  if (!result && fs::exists(trainer::result_file(folder)))
    end.message = "result.json is damaged, so that its result counts as lost";
  const bool from_outside = signalled(state, SIGKILL) || signalled(state, SIGTERM) ||
                            signalled(state, SIGINT) || signalled(state, SIGHUP);
  // A batch system's warning that came before the trainer could hear it.
  const bool warned = signalled(state, SIGUSR1) || signalled(state, SIGUSR2);
  end.outcome = live.hung                      ? db::Outcome::kHung
                : never_started(state)         ? db::Outcome::kBadConfig
                : state.code == kExitNoDevice  ? db::Outcome::kNodeFailed
                : state.cause                  ? *state.cause
                : warned                       ? db::Outcome::kPreempted
                : nothing_known                ? db::Outcome::kLost
                : from_outside                 ? db::Outcome::kKilled
                : tells_of_memory(end.message) ? db::Outcome::kOutOfMemory
                                               : db::Outcome::kCrashed;
  if (state.code == kExitNotFound) end.message = "the trainer was not found: " + end.message;
  return end;
}

void Scheduler::judge(Job& job, const db::AttemptEnd& end, bool got_further) {
  job.state = State::kWaiting;
  job.losses_lost = end.outcome == db::Outcome::kLossesLost;
  // A run that gets further each time is not hopeless, however often it ends early.
  if (got_further) job.failures.got_further(), equal_failures_.clear();
  switch (end.outcome) {
    case db::Outcome::kDone:
      job.state = State::kDone;
      equal_failures_.clear();
      return;
    case db::Outcome::kDiverged:
      job.state = State::kDiverged;
      hooks_.say(fmt::format("{}: diverged, which is recorded as its result: {}", job.planned->name,
                             end.message));
      return;
    case db::Outcome::kBadConfig:
      return give_up_sweep(job, end);
    case db::Outcome::kCrashed:
    case db::Outcome::kHung:
    case db::Outcome::kRefused:
      // A refusal may mean that the parent's checkpoint is rotten; then the parent comes first, and
      // nothing is said against the run.
      if (end.outcome == db::Outcome::kRefused && job.planned->parent) {
        require_checkpoint(*job.planned->parent, true);
        if (jobs_[job.planned->parent->run].state != State::kDone) return;
      }
      if (!got_further && equal_failures_.add(job.run_id, end.outcome, end.message))
        give_up_sweep(job, end);
      return try_again(job, end);
    default:
      return try_again(job, end);
  }
}

void Scheduler::try_again(Job& job, const db::AttemptEnd& end) {
  const RetryRule rule = retry_rule(end.outcome, options_.launch.retries);
  // While everything is being stopped an end says nothing.
  if (end.outcome == db::Outcome::kStopped &&
      (stop_asked_ || !hopeless_.empty() || hooks_.interrupts() > 0))
    return;
  const int64_t times = job.failures.add(end.outcome);
  const std::string why = end.message.empty()
                              ? std::string(db::name_of(end.outcome))
                              : fmt::format("{}: {}", db::name_of(end.outcome), end.message);
  // A single sequence is the smallest micro-batch there is.
  const bool smallest = end.outcome == db::Outcome::kOutOfMemory && end.micro_batch == 1;
  if (times > rule.allowed || smallest) {
    job.state = State::kFailed;
    store_.add_event(hooks_.now_ms(), job.run_id, "failed", why);
    const fs::path folder = db::attempt_folder(job.planned->row.key, job.attempts);
    hooks_.say(fmt::format("{}: failed {} times, given up ({}); see {}", job.planned->name, times,
                           why, trainer::log_file(options_.folder / folder).string()));
    return;
  }
  const uint64_t salt = std::hash<std::string>{}(job.planned->row.key) + times;
  job.not_before_ms = hooks_.now_ms() + wait_ms(rule, times, salt);
  hooks_.say(fmt::format("{}: {}; trying again", job.planned->name, why));
}

// What is wrong is wrong for every run: to try them all would only take long.
void Scheduler::give_up_sweep(const Job& job, const db::AttemptEnd& end) {
  if (!hopeless_.empty()) return;
  const fs::path folder = db::attempt_folder(job.planned->row.key, job.attempts);
  hopeless_ = fmt::format("{}: {}: {}", job.planned->name, db::name_of(end.outcome),
                          end.message.empty() ? "no word of why" : end.message);
  store_.add_event(hooks_.now_ms(), job.run_id, "sweep stopped", hopeless_);
  hooks_.say(fmt::format(
      "the sweep stops, for every further run would end alike: {}; see {}; once it is mended, the "
      "same command goes on",
      hopeless_, trainer::log_file(options_.folder / folder).string()));
}

}  // namespace crosslaw::sweep
