#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/run_store.h"

namespace crosslaw::sweep {

// Why a run is not the one of the same name that was there before.
struct RecipeChange {
  std::string field;  // "schedule.warmup_steps", "the training text of fr"
  std::string before, after;
};

struct RetiredRun {
  std::string name;
  bool finished = false;              // its result would not count any more
  double seconds = 0;                 // of training
  std::vector<RecipeChange> changes;  // empty: the spec asks for no run of this name
};

// What a sweep's folder would become if it held a plan's runs.
struct PlanChanges {
  int64_t kept = 0;
  std::vector<std::string> added;
  std::vector<RetiredRun> retired;

  int64_t finished_retired() const;
  double seconds_retired() const;  // of training that led to results
};

// Nothing is written. `planned` are the rows of a plan with final keys.
PlanChanges plan_changes(const db::RunStore& store, const std::vector<db::RunRow>& planned);

// Fields of two recipes (canonical JSON) that differ, in the order of their names.
std::vector<RecipeChange> recipe_changes(const std::string& before, const std::string& after);

// Lines for a person: how many runs are added, kept and retired, and for what reasons.
std::vector<std::string> describe(const PlanChanges& changes);

}  // namespace crosslaw::sweep
