#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/run_store.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// Where a run may begin: a checkpoint of another planned run, at its end or on its way.
struct StartPoint {
  size_t run = 0;  // index into Plan::runs
  int64_t step = 0;
};

struct PlannedRun {
  db::RunRow row;  // id is unset
  trainer::Recipe recipe;
  std::string name;
  double tokens_per_param = 0;
  // The run whose weights this one continues, those of its end or of its constant phase.
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

// Whether the weights that a run continues are those of the parent's end.
bool is_end(const PlannedRun& parent, const StartPoint& start);

// The whole sweep as a DAG; every run comes after those it starts from.
struct Plan {
  std::vector<PlannedRun> runs;
  std::vector<std::string> warnings;
};

}  // namespace crosslaw::sweep
