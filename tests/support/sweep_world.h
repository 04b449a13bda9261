#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sweep/plan/plan.h"
#include "sweep/schedule/scheduler.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::tests {

// A small sweep with its corpus, plan and store; each Scheduler made from it is a new invocation.
struct SweepWorld {
  SmallSweep files;
  std::filesystem::path folder = files.folder / "sweep";
  sweep::SweepSpec spec;
  trainer::Corpus corpus;
  sweep::Plan plan;
  db::RunStore store;
  std::vector<std::string> said;
  int interrupts = 0;
  std::vector<sweep::Request> requests;
  int64_t clock_ms = 0, tick_ms = 100;  // logical: a tick passes at each look
  std::function<void(const sweep::Progress&)> on_progress = [](const sweep::Progress&) {};

  explicit SweepWorld(const std::string& from = "name", const std::string& to = "name")
      : store(make_store()) {
    files.edit(from, to);
    replan();
  }
  void replan() {
    spec = sweep::read_spec(files.spec);
    corpus = trainer::prepare_corpus(sweep::corpus_options(spec, folder / "data"),
                                     [](const std::string&) {});
    plan = sweep::make_plan(spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head),
                            &corpus);
    std::vector<db::RunRow> rows;
    for (const sweep::PlannedRun& run : plan.runs) rows.push_back(run.row);
    store.sync_runs(rows);
  }
  db::RunStore make_store() const {
    std::filesystem::create_directories(folder);
    return db::RunStore::create(folder / "crosslaw.db");
  }
  // A fake launcher gets so many places.
  template <typename Launcher>
  sweep::Scheduler scheduler(Launcher& launcher, size_t slots = 2) {
    launcher.slots = slots;
    sweep::SchedulerHooks hooks;
    hooks.on_progress = on_progress;
    hooks.say = [this](const std::string& message) { said.push_back(message); };
    hooks.interrupts = [this] { return interrupts; };
    hooks.now_ms = [this] { return clock_ms += tick_ms; };
    hooks.requests = [this] { return std::exchange(requests, {}); };
    return {plan, corpus, store, launcher, {folder, "here", spec.launch}, hooks};
  }
  std::map<db::Outcome, int64_t> outcomes() const {
    std::map<db::Outcome, int64_t> counts;
    for (const db::RunResultRow& row : store.results()) ++counts[row.outcome];
    return counts;
  }
  const sweep::PlannedRun& run_of(const trainer::TrainConfig& config) const {
    std::string key = trainer::run_key(config.recipe);
    return *std::find_if(plan.runs.begin(), plan.runs.end(),
                         [&](const sweep::PlannedRun& r) { return r.row.key == key; });
  }
  // How often something was said that holds the words.
  int64_t times_said(const std::string& words) const {
    return std::count_if(said.begin(), said.end(), [&](const std::string& message) {
      return message.find(words) != std::string::npos;
    });
  }
};

}  // namespace crosslaw::tests
