// How far the sweep is and how long it will still take.
#include <algorithm>
#include <chrono>

#include "sweep/schedule/scheduler.h"

namespace crosslaw::sweep {
namespace {

// Shorter, and the beat of the heartbeat itself, half a second, is most of what is measured.
constexpr std::chrono::seconds kTelling(3);

}  // namespace

Progress Scheduler::progress() const {
  Progress p;
  const RunSpeed speed = speed_so_far();
  std::vector<double> shares(jobs_.size(), 0.0);
  for (const auto& [attempt, live] : live_) {
    if (!live.job) continue;
    shares[*live.job] = done_share(live);
    // Those that train, where some still wait for their turn.
    if (!live.running && launcher_.detaches()) {
      ++p.queued;
    } else {
      p.running_names.push_back(jobs_[*live.job].planned->name);
    }
  }
  count_jobs(shares, p);
  const WorkTimes work = work_times(shares, speed.time());
  // As if the work could be spread evenly, but no run ends before itself.
  // A queue has no number of places; as many as run now is the best guess.
  const std::size_t places = launcher_.detaches() ? p.running_names.size() : launcher_.places();
  const auto slots = static_cast<double>(std::max<std::size_t>(1, places));
  p.remaining_seconds = std::max(work.remaining_seconds / slots, work.longest_seconds);
  p.measured = speed.measured();
  if (begun_ms_ > 0) {
    p.elapsed_seconds = static_cast<double>(hooks_.now_ms() - begun_ms_) / 1000;
    if (p.elapsed_seconds > 0)
      p.flops_per_second = (p.flops_done - flops_at_begin_) / p.elapsed_seconds;
  }
  const double all = work.done_seconds + work.remaining_seconds;
  p.share = all > 0 ? work.done_seconds / all : 1;
  return p;
}

void Scheduler::count_jobs(const std::vector<double>& shares, Progress& p) const {
  p.total = static_cast<int64_t>(jobs_.size());
  for (size_t i = 0; i < jobs_.size(); ++i) {
    const Job& job = jobs_[i];
    const double flops = job.planned->flops_to_train();
    p.flops_total += flops;
    switch (job.state) {
      case State::kDone:
        ++p.done;
        break;
      case State::kDiverged:
        ++p.diverged;
        break;
      case State::kFailed:
        ++p.failed;
        break;
      case State::kCancelled:
        ++p.cancelled;
        break;
      case State::kRunning:
        ++p.running;
        break;
      case State::kWaiting:
        blocked(job) ? ++p.blocked : ++p.waiting;
        break;
    }
    if (job.state == State::kDone || job.state == State::kDiverged) p.flops_done += flops;
    if (job.state == State::kRunning) p.flops_done += shares[i] * flops;
  }
}

Scheduler::WorkTimes Scheduler::work_times(const std::vector<double>& shares,
                                           const RunTime& time) const {
  WorkTimes work;
  for (size_t i = 0; i < jobs_.size(); ++i) {
    const Job& job = jobs_[i];
    // What will never run costs no time.
    const bool counts =
        job.state == State::kRunning || (job.state == State::kWaiting && !blocked(job));
    const auto gpus = static_cast<double>(gpus_of(job));
    const auto steps = static_cast<double>(job.planned->steps_to_train());
    const double alone = time.seconds(work_of(job, steps));  // on its own GPUs
    const double own = alone * gpus;
    if (counts) {
      work.remaining_seconds += (1 - shares[i]) * own;
      work.longest_seconds = std::max(work.longest_seconds, (1 - shares[i]) * alone);
      work.done_seconds += shares[i] * own;
    } else if (job.state != State::kWaiting) {
      work.done_seconds += own;
    }
  }
  return work;
}

RunSpeed Scheduler::speed_so_far() const {
  RunSpeed out = speed_;
  for (const auto& [attempt, live] : live_) {
    const std::chrono::duration<double> trained = live.heartbeat_seen - live.first_step_seen;
    if (!live.job || live.heartbeat.empty() || trained < kTelling) continue;
    const Job& job = jobs_[*live.job];
    const double steps = Live::step_of(live.heartbeat) - live.first_step;
    if (!(steps > 0)) continue;
    out.add_part(work_of(job, steps), trained.count());
  }
  return out;
}

RunWork Scheduler::work_of(const Job& job, double steps) const {
  const db::RunRow& row = job.planned->row;
  const double share = steps / static_cast<double>(row.steps * gpus_of(job));
  return {share * static_cast<double>(row.tokens_target + row.tokens_source), share * row.flops};
}

double Scheduler::done_share(const Live& live) const {
  const PlannedRun& planned = *jobs_[*live.job].planned;
  // The steps shared with the trunk are the trunk's work.
  int64_t first = planned.trunk ? planned.trunk->step : 0;
  double step = live.heartbeat.empty() ? static_cast<double>(first) : Live::step_of(live.heartbeat);
  return std::clamp((step - static_cast<double>(first)) /
                        static_cast<double>(std::max<int64_t>(1, planned.steps_to_train())),
                    0.0, 1.0);
}

}  // namespace crosslaw::sweep
