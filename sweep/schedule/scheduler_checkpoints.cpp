// Which checkpoints a run starts from, which must be made again, which are not needed any more.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sweep/schedule/scheduler.h"
#include "trainer/recipe/checkpoint_state.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {
constexpr std::size_t kResumePointsKept = 2;
}

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
  const int64_t last = last_resume_step(job);
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

std::optional<std::string> Scheduler::checkpoint_at(const Job& job, int64_t step) const {
  for (const db::CheckpointRow& row : store_.checkpoints(job.run_id)) {
    if (row.step == step && fs::exists(options_.folder / row.folder)) return row.folder;
  }
  return std::nullopt;
}

// Of what earlier attempts left to resume from, the two newest are enough: the second in case that
// the first is damaged. And what was published but not told, by an attempt that was killed in
// between, is known to nobody.
void Scheduler::drop_old_resume_points(const Job& job) const {
  std::vector<db::CheckpointRow> own = store_.checkpoints(job.run_id);
  const auto& kept = job.planned->publish_steps;
  std::erase_if(own, [&](const db::CheckpointRow& row) {
    return row.step == job.planned->row.steps ||
           std::find(kept.begin(), kept.end(), row.step) != kept.end();
  });
  for (std::size_t i = 0; i + kResumePointsKept < own.size(); ++i)
    drop_checkpoint(job, own[i].step, own[i].folder);
  drop_unrecorded_checkpoints(job);
}

void Scheduler::drop_unrecorded_checkpoints(const Job& job) const {
  std::set<fs::path> recorded;
  for (const db::CheckpointRow& row : store_.checkpoints(job.run_id))
    recorded.insert(options_.folder / row.folder);
  std::error_code ignored;
  for (const auto& attempt :
       fs::directory_iterator(options_.folder / "runs" / job.planned->row.key, ignored)) {
    if (attempt.is_symlink(ignored) || !attempt.is_directory(ignored)) continue;
    for (const auto& entry : fs::directory_iterator(attempt.path(), ignored)) {
      const bool checkpoint = entry.path().filename().string().starts_with("checkpoint-");
      if (checkpoint && !recorded.contains(entry.path())) fs::remove_all(entry.path(), ignored);
    }
  }
}

void Scheduler::drop_checkpoint(const Job& job, int64_t step, const std::string& folder) const {
  // Forgotten before it is deleted: a crash in between leaves a folder too many, not a row too
  // many.
  store_.forget_checkpoint(job.run_id, step);
  std::error_code ignored;
  fs::remove_all(options_.folder / folder, ignored);
}

// Branch points and bases are kept until the last run that starts there is done, resume points
// until the run is.
void Scheduler::drop_spent_checkpoints(size_t index) {
  auto spent = [&](size_t job, int64_t step) {
    if (jobs_[job].state != State::kDone || step == jobs_[job].planned->row.steps) return false;
    return std::none_of(jobs_.begin(), jobs_.end(), [&](const Job& other) {
      const auto starts_here = [&](const std::optional<StartPoint>& start) {
        return start && start->run == job && start->step == step;
      };
      return other.state != State::kDone &&
             (starts_here(other.planned->trunk) || starts_here(other.planned->parent));
    });
  };
  std::vector<size_t> candidates = {index};
  for (const auto& start : {jobs_[index].planned->trunk, jobs_[index].planned->parent}) {
    if (start) candidates.push_back(start->run);
  }
  for (size_t job : candidates) {
    for (const db::CheckpointRow& row : store_.checkpoints(jobs_[job].run_id)) {
      if (!spent(job, row.step)) continue;
      drop_checkpoint(jobs_[job], row.step, row.folder);
    }
  }
  drop_unrecorded_checkpoints(jobs_[index]);
}

}  // namespace crosslaw::sweep
