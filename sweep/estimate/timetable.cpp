#include "sweep/estimate/timetable.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <utility>

#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

// A run that starts from another, and how long after that one's start it may.
struct Successor {
  std::size_t run = 0;
  double after = 0;
};

// Seconds from a run's start until it publishes the step.
double until_step(const PlannedRun& run, const RunEstimate& estimate, int64_t step) {
  const auto own = static_cast<double>(std::max<int64_t>(1, run.steps_to_train()));
  const auto done = static_cast<double>(step - (run.trunk ? run.trunk->step : 0));
  return estimate.seconds() * std::clamp(done / own, 0.0, 1.0);
}

class Simulation {
 public:
  Simulation(const Plan& plan, const std::vector<RunEstimate>& estimates, const SweepSpec& spec,
             int64_t count)
      : plan_(plan), estimates_(estimates), spec_(spec), count_(count), free_(count) {
    out_.runs.resize(plan.runs.size());
    successors_.resize(plan.runs.size());
    waits_.resize(plan.runs.size());
    urgency_.resize(plan.runs.size());
  }

  Timetable run() {
    link();
    find_critical_path();
    train();
    count_disk();
    return std::move(out_);
  }

 private:
  void link() {
    // Parents come before their children, so that one pass settles who can be trained at all.
    for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
      bool trained = estimates_[i].problem.empty();
      for (const auto& start : {plan_.runs[i].parent, plan_.runs[i].trunk}) {
        if (!start) continue;
        // Without its trunk a run trains the shared steps itself, but what is too large is so for
        // both.
        trained = trained && out_.runs[start->run].trained;
        successors_[start->run].push_back(
            {i, until_step(plan_.runs[start->run], estimates_[start->run], start->step)});
        ++waits_[i];
      }
      out_.runs[i].trained = trained;
    }
    for (std::size_t i = plan_.runs.size(); i-- > 0;) {
      urgency_[i] = estimates_[i].seconds();
      for (const Successor& next : successors_[i])
        urgency_[i] = std::max(urgency_[i], next.after + urgency_[next.run]);
    }
  }

  void find_critical_path() {
    const std::size_t none = plan_.runs.size();
    std::size_t at = none;
    for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
      if (out_.runs[i].trained && (at == none || urgency_[i] > urgency_[at])) at = i;
    }
    out_.critical_seconds = at == none ? 0 : urgency_[at];
    while (at != none) {
      out_.critical_path.push_back(at);
      std::size_t next = none;
      double longest = estimates_[at].seconds();
      for (const Successor& each : successors_[at]) {
        if (!out_.runs[each.run].trained || each.after + urgency_[each.run] <= longest) continue;
        longest = each.after + urgency_[each.run];
        next = each.run;
      }
      at = next;
    }
  }

  void start_ready(double now) {
    // The first of the plan among equals, as the scheduler takes them.
    while (!ready_.empty()) {
      const std::size_t run = ready_.begin()->second;
      if (estimates_[run].gpus > free_) return;
      ready_.erase(ready_.begin());
      free_ -= estimates_[run].gpus;
      const double end = now + estimates_[run].seconds();
      out_.runs[run] = {now, end, true};
      busy_ += estimates_[run].gpu_seconds();
      events_.push({end, run, true});
      for (const Successor& next : successors_[run])
        events_.push({now + next.after, next.run, false});
    }
  }

  void release(std::size_t run) {
    if (--waits_[run] == 0 && out_.runs[run].trained) ready_.insert({-urgency_[run], run});
  }

  void train() {
    for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
      if (waits_[i] == 0 && out_.runs[i].trained) ready_.insert({-urgency_[i], i});
    }
    start_ready(0);
    while (!events_.empty()) {
      const double now = events_.top().at;
      for (; !events_.empty() && events_.top().at == now; events_.pop()) {
        const Event event = events_.top();
        if (event.ends) {
          free_ += estimates_[event.run].gpus;
          out_.wall_seconds = now;
        } else {
          release(event.run);
        }
      }
      start_ready(now);
    }
    if (out_.wall_seconds > 0)
      out_.busy_share = busy_ / (out_.wall_seconds * static_cast<double>(count_));
  }

  // When bytes come and go: resume points while a run trains, branch points until the last branch
  // is done, final weights for good.
  void count_disk() {
    std::vector<std::pair<double, double>> changes;
    std::map<std::pair<std::size_t, int64_t>, double> last_branch;
    for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
      const PlannedRun& run = plan_.runs[i];
      const TimetableEntry& entry = out_.runs[i];
      if (!entry.trained) continue;
      if (run.trunk) {
        double& last = last_branch[{run.trunk->run, run.trunk->step}];
        last = std::max(last, entry.end);
      }
      const double resume = resume_bytes(run, spec_, estimates_[i]);
      changes.emplace_back(entry.start, resume);
      changes.emplace_back(entry.end, -resume);
      changes.emplace_back(entry.end, trainer::checkpoint_bytes(run.recipe.model, false));
    }
    for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
      if (!out_.runs[i].trained) continue;
      const double bytes = trainer::checkpoint_bytes(plan_.runs[i].recipe.model, true);
      const std::set<int64_t> steps(plan_.runs[i].publish_steps.begin(),
                                    plan_.runs[i].publish_steps.end());
      for (int64_t step : steps) {
        const double made = out_.runs[i].start + until_step(plan_.runs[i], estimates_[i], step);
        changes.emplace_back(made, bytes);
        const auto last = last_branch.find({i, step});
        if (last != last_branch.end()) changes.emplace_back(last->second, -bytes);
      }
    }
    // What comes at an instant comes before what goes: a file is written before another is removed.
    std::sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second > b.second;
    });
    double bytes = 0;
    for (const auto& [at, change] : changes)
      out_.peak_disk_bytes = std::max(out_.peak_disk_bytes, bytes += change);
    out_.final_disk_bytes = bytes;
  }

  struct Event {
    double at = 0;
    std::size_t run = 0;
    bool ends = false;  // else: what it waits for is published
    bool operator<(const Event& other) const { return at > other.at; }
  };

  const Plan& plan_;
  const std::vector<RunEstimate>& estimates_;
  const SweepSpec& spec_;
  int64_t count_, free_;
  double busy_ = 0;
  std::vector<std::vector<Successor>> successors_;
  std::vector<int> waits_;
  std::vector<double> urgency_;  // seconds of the longest chain that starts here
  std::set<std::pair<double, std::size_t>> ready_;
  std::priority_queue<Event> events_;
  Timetable out_;
};

}  // namespace

Timetable make_timetable(const Plan& plan, const std::vector<RunEstimate>& estimates,
                         const SweepSpec& spec, int64_t count) {
  return Simulation(plan, estimates, spec, count).run();
}

}  // namespace crosslaw::sweep
