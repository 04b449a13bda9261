// Which checkpoints a run starts from, which must be made again, which are not needed any more.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "db/files/atomic_file.h"
#include "db/files/run_folders.h"
#include "sweep/schedule/ingest.h"
#include "sweep/schedule/scheduler.h"
#include "trainer/recipe/checkpoint_state.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;

bool Scheduler::base_is_there(const Job& job) const {
  const StartPoint& base = *job.planned->parent;
  const Job& parent = jobs_[base.run];
  // Its end is there when the run is done, and not before it is known to be.
  return base.step < parent.planned->row.steps && checkpoint_at(parent, base.step).has_value();
}

// A finished run whose final checkpoint is gone must be done again, if another run still needs it.
void Scheduler::check_parents() {
  // Children before parents: one that must be done again then asks for its own parent's checkpoint.
  for (size_t i = jobs_.size(); i-- > 0;) {
    const auto& parent = jobs_[i].planned->parent;
    if (jobs_[i].state == State::kWaiting && parent) require_checkpoint(*parent, false);
  }
}

void Scheduler::require_checkpoint(const StartPoint& start, bool check_hashes) {
  Job& job = jobs_[start.run];
  if (job.state != State::kDone) return;
  if (!checkpoint_at(job, start.step)) {
    for (const db::AttemptRow& attempt : store_.attempts()) {
      if (attempt.run_id == job.run_id && attempt.outcome == db::Outcome::kDone)
        record_untold_checkpoints(job, attempt.id, attempt.folder, attempt.log_offset);
    }
  }
  std::string damage = "no checkpoint is recorded";
  // Hashing gigabytes is left to the trainer, which reads them anyway; only after a refusal is it
  // done here, to tell whose fault it was.
  if (auto folder = checkpoint_at(job, start.step))
    damage = trainer::checkpoint_damage(options_.folder / *folder, check_hashes);
  if (damage.empty()) return;
  const std::string checkpoint = start.step == job.planned->row.steps
                                     ? "final checkpoint"
                                     : fmt::format("checkpoint at step {}", start.step);
  hooks_.say(fmt::format("{}: its {} is needed and unusable ({}); the run is done again",
                         job.planned->name, checkpoint, damage));
  for (const db::AttemptRow& attempt : store_.attempts()) {
    if (attempt.run_id == job.run_id && attempt.outcome == db::Outcome::kDone)
      store_.revoke_attempt(attempt.id, db::Outcome::kCheckpointLost, damage);
  }
  store_.forget_checkpoint(job.run_id, start.step);
  job.state = State::kWaiting;
  if (job.planned->parent) require_checkpoint(*job.planned->parent, check_hashes);
}

std::vector<std::string> Scheduler::start_checkpoints(const Job& job) const {
  std::vector<std::string> folders;
  std::vector<db::CheckpointRow> own = store_.checkpoints(job.run_id);
  int64_t last = last_resume_step(job);
  // Where losses were lost, what comes after the first of them must be trained again.
  if (job.losses_lost) last = std::min(last, first_unmeasured(job) - 1);
  // Newest first, then the trunk's: the trainer takes the first that is whole.
  for (auto row = own.rbegin(); row != own.rend(); ++row) {
    if (row->step <= last && fs::exists(options_.folder / row->folder))
      folders.push_back((options_.folder / row->folder).string());
  }
  if (job.planned->trunk) {
    auto shared = checkpoint_at(jobs_[job.planned->trunk->run], job.planned->trunk->step);
    if (shared) folders.push_back((options_.folder / *shared).string());
  }
  return folders;
}

int64_t Scheduler::last_resume_step(const Job& job) const {
  int64_t last = job.planned->row.steps - 1;
  for (const Job& other : jobs_) {
    const auto& base = other.planned->parent;
    // Resumed behind it, the run would never publish it.
    if (base && &jobs_[base->run] == &job && other.state != State::kDone && base->step <= last &&
        !checkpoint_at(job, base->step))
      last = base->step;
  }
  return last;
}

// As far as losses are concerned. Without others_course_tokens: a part of a text is still one loss,
// and how long it is does not change which are missing.
trainer::TrainConfig Scheduler::as_planned(const Job& job) const {
  trainer::TrainConfig config;
  config.recipe = job.planned->recipe;
  config.execution.evaluation_steps = job.planned->evaluation_steps;
  config.execution.others_at_ends_only = options_.source_loss_at_ends_only;
  return config;
}

int64_t Scheduler::first_unmeasured(const Job& job) const {
  const MissingLosses missing = missing_losses(store_, job.run_id, as_planned(job));
  return missing.count > 0 ? missing.first_step : job.planned->row.steps;
}

std::optional<std::string> Scheduler::checkpoint_at(const Job& job, int64_t step) const {
  if (job.attempts == 0) return std::nullopt;  // nothing of it can be on record
  for (const db::CheckpointRow& row : store_.checkpoints(job.run_id)) {
    if (row.step == step && fs::exists(options_.folder / row.folder)) return row.folder;
  }
  return std::nullopt;
}

// Of what earlier attempts left to resume from, the newest are enough. And what was published but
// not told, by an attempt that was killed in between, is known to nobody; likewise what a crash
// left half-written.
void Scheduler::drop_old_resume_points(const Job& job) const {
  std::vector<db::CheckpointRow> own = store_.checkpoints(job.run_id);
  const auto& kept = job.planned->publish_steps;
  std::erase_if(own, [&](const db::CheckpointRow& row) {
    return row.step == job.planned->row.steps ||
           std::find(kept.begin(), kept.end(), row.step) != kept.end();
  });
  for (std::size_t i = 0; i + trainer::kResumePointsKept < own.size(); ++i)
    drop_checkpoint(job, own[i].step, own[i].folder);
  drop_leftovers(job);
}

void Scheduler::drop_leftovers(const Job& job) const {
  std::set<std::string> recorded;
  for (const db::CheckpointRow& row : store_.checkpoints(job.run_id)) recorded.insert(row.folder);
  const std::string run = db::run_folder(job.planned->row.key);
  for (const std::string& attempt : files_.names(run)) {
    if (!db::attempt_number(attempt)) continue;
    for (const std::string& name : files_.names(fs::path(run) / attempt)) {
      const std::string inside = fmt::format("{}/{}/{}", run, attempt, name);
      const bool untold = name.starts_with("checkpoint-") && !recorded.contains(inside);
      if (untold || db::is_staged(name)) files_.remove(inside);
    }
  }
}

// What a done attempt has published, even if the line that tells of it lost a bit.
void Scheduler::record_untold_checkpoints(const Job& job, int64_t attempt_id,
                                          const std::string& attempt, int64_t log_offset) {
  std::vector<int64_t> steps = job.planned->publish_steps;
  steps.push_back(job.planned->row.steps);
  db::MetricsBatch found;
  for (int64_t step : steps) {
    const std::string folder = attempt + "/" + trainer::checkpoint_name(step);
    if (checkpoint_at(job, step) || !files_.has_folder(folder)) continue;
    if (trainer::checkpoint_damage(options_.folder / folder, false).empty())
      found.checkpoints.push_back({step, folder});
  }
  if (found.checkpoints.empty()) return;
  found.log_offset = log_offset;
  store_.ingest(job.run_id, attempt_id, found);
}

void Scheduler::drop_checkpoint(const Job& job, int64_t step, const std::string& folder) const {
  // Forgotten before it is deleted: a crash in between leaves a folder too many, not a row too
  // many.
  store_.forget_checkpoint(job.run_id, step);
  files_.remove(folder);
}

// Branch points and bases are kept until the last run that starts there is done, resume points
// until the run is.
bool Scheduler::is_spent(size_t job, int64_t step) const {
  if (jobs_[job].state != State::kDone || step == jobs_[job].planned->row.steps) return false;
  return std::none_of(successors_[job].begin(), successors_[job].end(), [&](std::size_t next) {
    const Job& other = jobs_[next];
    const auto starts_here = [&](const std::optional<StartPoint>& start) {
      return start && start->run == job && start->step == step;
    };
    return other.state != State::kDone &&
           (starts_here(other.planned->trunk) || starts_here(other.planned->parent));
  });
}

void Scheduler::drop_spent_of(size_t job) const {
  for (const db::CheckpointRow& row : store_.checkpoints(jobs_[job].run_id)) {
    if (is_spent(job, row.step)) drop_checkpoint(jobs_[job], row.step, row.folder);
  }
}

// After a run has ended: its own, and where it started.
void Scheduler::drop_spent_checkpoints(size_t index) const {
  drop_spent_of(index);
  for (const auto& start : {jobs_[index].planned->trunk, jobs_[index].planned->parent}) {
    if (start) drop_spent_of(start->run);
  }
  drop_leftovers(jobs_[index]);
}

// Of runs that no end will ask about any more: a lost database was filled again from their folders.
void Scheduler::drop_spent_checkpoints_of_all() const {
  for (size_t job = 0; job < jobs_.size(); ++job) {
    if (!jobs_[job].planned->publish_steps.empty()) drop_spent_of(job);
  }
}

}  // namespace crosslaw::sweep
