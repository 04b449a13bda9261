// One attempt of a run: how it is started, what its end means, whether the run is tried again.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include "db/files/content_hash.h"
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

// Unlike the folder's name it cannot be guessed or repeated: a result is believed only with it.
std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", device());
  return token;
}

std::string text_of(const fs::path& file) {
  std::ifstream input(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(input), {}};
}

std::optional<std::string> said(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

GpuFacts facts_of(const std::optional<std::string>& uuid, const std::vector<GpuFacts>& gpus) {
  for (const GpuFacts& gpu : gpus)
    if (gpu.uuid == uuid) return gpu;
  return {};
}

// One hash for all that a run reads: tokenizer, training and validation texts.
std::string data_hash(const trainer::Recipe& recipe) {
  std::string hashes = recipe.tokenizer_sha256;
  for (const trainer::MixturePart& part : recipe.mixture) hashes += " " + part.sha256;
  for (const trainer::ValidationSet& set : recipe.validation) hashes += " " + set.sha256;
  return db::sha256(hashes);
}

db::AttemptOrigin origin_of(const PlannedRun& run, const SchedulerOptions& options,
                            const std::string& device) {
  db::AttemptOrigin origin;
  origin.build = said(options.origin.build);
  origin.program_sha256 = said(options.origin.program_sha256);
  origin.data_sha256 = data_hash(run.recipe);
  const QueueSpec& queue = options.launch.queue;
  if (device != "cpu")
    origin.gpus = options.launch.backend == "local" ? 1 : queue.nodes * queue.gpus;
  return origin;
}

// What the trainer says of its GPU in its provenance.
void read_gpu(const std::string& provenance, db::AttemptEnd& end) {
  const auto json = nlohmann::json::parse(provenance, nullptr, false);
  const auto gpu = json.is_object() ? json.find("gpu") : json.end();
  if (gpu == json.end() || !gpu->is_object()) return;
  const auto text = [&](const char* key) {
    const auto at = gpu->find(key);
    return at != gpu->end() && at->is_string() ? said(at->get<std::string>()) : std::nullopt;
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

bool Scheduler::start(std::size_t index) {
  Job& job = jobs_[index];
  db::AttemptRow attempt;
  attempt.run_id = job.run_id;
  attempt.token = random_token();
  // A folder of its own: what lies in one that is there already belongs to an attempt that the
  // store has lost.
  do {
    attempt.n = ++job.attempts;
    attempt.folder = db::attempt_folder(job.planned->row.key, attempt.n);
  } while (!files_.make_folder(attempt.folder));
  attempt.device = launcher_.device();
  attempt.host = options_.host;
  attempt.backend = launcher_.backend();
  attempt.started_ms = hooks_.now_ms();
  if (const int64_t asked = micro_batch_of(job)) attempt.micro_batch = asked;
  attempt.origin = origin_of(*job.planned, options_, attempt.device);
  // Recorded before the process exists: should we be killed in between, the next invocation finds
  // an attempt without a process, never a process without an attempt.
  attempt.id = store_.begin_attempt(attempt);
  const fs::path folder = options_.folder / attempt.folder;
  write_attempt_config(job, attempt, folder);
  drop_old_resume_points(job);
  const LaunchRequest request{attempt.id,
                              attempt.token,
                              fmt::format("crosslaw-{}", job.planned->row.key.substr(0, 8)),
                              trainer::config_file(folder),
                              trainer::log_file(folder),
                              job.avoid_nodes,
                              gpus_of(job)};
  try {
    // By value: a queue may name the job later.
    const bool started =
        launcher_.start(request, [this, id = attempt.id](const LaunchPlace& place) {
          const GpuFacts gpu = facts_of(place.gpu_uuid, options_.origin.gpus);
          store_.set_place(id, {place.boot_id, place.pid, place.start_ticks, place.job,
                                std::nullopt, place.gpu_uuid, said(gpu.name), said(gpu.driver)});
        });
    if (!started) {
      store_.end_attempt(
          attempt.id, {.outcome = db::Outcome::kSlotTaken, .message = "no place for it was left"},
          hooks_.now_ms());
      return false;
    }
  } catch (const LaunchRefused& refusal) {
    const db::AttemptEnd end{.outcome = db::Outcome::kBadConfig, .message = refusal.what()};
    store_.end_attempt(attempt.id, end, hooks_.now_ms());
    give_up_sweep(job, end);
    return false;
  }
  job.state = State::kRunning;
  Live& live = live_[attempt.id];
  live = {.job = index,
          .folder = attempt.folder,
          .token = attempt.token,
          .log_offset = 0,
          .started_ms = attempt.started_ms,
          .micro_batch = attempt.micro_batch,
          .node = std::nullopt,
          .queue_job = std::nullopt,
          .blocked = "",
          .heartbeat = "",
          .heartbeat_seen = Clock::now(),
          .first_step_seen = Clock::now()};
  return true;
}

void Scheduler::write_attempt_config(const Job& job, const db::AttemptRow& attempt,
                                     const fs::path& folder) const {
  const PlannedRun& planned = *job.planned;
  trainer::TrainConfig config;
  config.recipe = planned.recipe;
  trainer::Execution& e = config.execution;
  e.token = attempt.token;
  // Which GPU it is shows where the run starts, by CUDA_VISIBLE_DEVICES.
  e.device = attempt.device;
  e.threads = options_.launch.threads_per_run;
  for (const trainer::MixturePart& part : planned.recipe.mixture)
    e.train_shards[part.language] = corpus_.language(part.language).train.file.string();
  for (const trainer::ValidationSet& set : planned.recipe.validation)
    e.valid_shards[set.language] = corpus_.language(set.language).valid.file.string();
  for (const auto& [language, ranges] : corpus_.audit.seen) {
    if (e.valid_shards.contains(language)) e.seen_tokens[language] = ranges;
  }
  for (const trainer::ChoiceFile& set : corpus_.choices) {
    const bool known = set.language.empty() || set.language == planned.row.language ||
                       set.language == planned.row.source_language;
    if (known) e.choice_files[set.name] = set.file.string();
  }
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
  e.others_at_ends_only = options_.source_loss_at_ends_only;
  e.others_course_tokens = options_.source_course_tokens;
  e.publish_steps = planned.publish_steps;
  e.checkpoint_every_seconds = options_.checkpoint_every_seconds;
  e.checkpoint_time_share = options_.checkpoint_time_share;
  e.deterministic = options_.deterministic;
  e.micro_batch_sequences = attempt.micro_batch.value_or(0);
  e.ranks = gpus_of(job);
  e.rank_timeout_seconds = options_.launch.rank_timeout_seconds;
  trainer::write_config(config, trainer::config_file(folder));
}

int64_t Scheduler::gpus_of(const Job& job) const {
  return launcher_.device() == "cuda" ? job.planned->gpus : 1;
}

// The attempt may be of another invocation, whose spec asked for other losses on the way.
trainer::TrainConfig Scheduler::as_told(const Job& job, const fs::path& folder) const {
  try {
    return trainer::read_config(trainer::config_file(folder));
  } catch (const std::runtime_error&) {
    return as_planned(job);
  }
}

int64_t Scheduler::micro_batch_of(const Job& job) const {
  const auto known = micro_batches_.find(job.planned->row.size);
  // A size may have several batches, by token budget.
  return known == micro_batches_.end()
             ? 0
             : std::min(known->second, job.planned->recipe.batch_sequences);
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
    speed_.add(job.planned->row.flops * static_cast<double>(*verdict.step - *verdict.start_step) /
                   static_cast<double>(job.planned->row.steps * gpus_of(job)),
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
  end.message =
      state.message.empty() ? reason_in_log(text_of(trainer::log_file(folder))) : state.message;
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
