#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/run_store.h"
#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"
#include "trainer/corpus/corpus.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// Where a run may begin other than at step 0: a checkpoint of another planned run.
struct StartPoint {
  size_t run = 0;  // index into Plan::runs
  int64_t step = 0;
};

struct PlannedRun {
  db::RunRow row;  // id is unset
  trainer::Recipe recipe;
  std::string name;
  double tokens_per_param = 0;
  // The run whose final weights this one continues.
  std::optional<StartPoint> parent;
  // Or the model of Hugging Face that it continues, by its folder (Corpus::start_models).
  std::string start_model;
  // A longer run of the same trajectory, whose checkpoint saves the shared steps. The losses are
  // the same with and without it.
  std::optional<StartPoint> trunk;
  std::vector<int64_t> evaluation_steps;
  std::vector<int64_t> publish_steps;
  int64_t gpus = 1;  // that it shares its batches between, where it trains on GPUs

  double flops_6nd() const;         // 6 x params_budget x target and source tokens
  int64_t steps_to_train() const;   // without the ones shared with the trunk
  double flops_to_train() const;    // exact, of those steps
  double checkpoint_bytes() const;  // on disk when the run is done
};

// The whole sweep as a DAG; every run comes after those it starts from.
struct Plan {
  std::vector<PlannedRun> runs;
  std::vector<std::string> warnings;
};

// Ladder x budgets x strategies x replay x seeds; reads nothing but the config.json of models of
// Hugging Face. Without a corpus the keys are not final,
// for they depend on the text. Throws SpecError for what cannot be trained (a budget below one
// batch).
Plan make_plan(const SweepSpec& spec, const std::vector<ModelSize>& ladder,
               const trainer::Corpus* corpus);

}  // namespace crosslaw::sweep
