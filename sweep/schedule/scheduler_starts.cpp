// How an attempt is started, and what it is told.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "db/files/content_hash.h"
#include "db/files/run_folders.h"
#include "sweep/schedule/scheduler.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

// Unlike the folder's name it cannot be guessed or repeated: a result is believed only with it.
std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", device());
  return token;
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

}  // namespace

db::AttemptRow Scheduler::begin_attempt(Job& job) {
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
  return attempt;
}

Scheduler::Live Scheduler::live_of(const db::AttemptRow& attempt) {
  return {.folder = attempt.folder,
          .token = attempt.token,
          .log_offset = attempt.log_offset,
          .started_ms = attempt.started_ms,
          .micro_batch = attempt.micro_batch,
          .node = attempt.node,
          .queue_job = attempt.job,
          .blocked = "",
          .heartbeat = "",
          .heartbeat_seen = Clock::now(),
          .first_step_seen = Clock::now()};
}

bool Scheduler::start(std::size_t index) {
  Job& job = jobs_[index];
  const db::AttemptRow attempt = begin_attempt(job);
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
    // The id by value: a queue calls back after this function has returned.
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
  live = live_of(attempt);
  live.job = index;
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

int64_t Scheduler::micro_batch_of(const Job& job) const {
  const auto known = micro_batches_.find(job.planned->row.size);
  // A size may have several batches, by token budget.
  return known == micro_batches_.end()
             ? 0
             : std::min(known->second, job.planned->recipe.batch_sequences);
}

}  // namespace crosslaw::sweep
