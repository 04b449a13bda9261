#pragma once

#include <filesystem>

#include "db/run_store.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// Moves what an attempt's metrics.jsonl gained since `offset` into the store, and returns the new
// offset. A last line without its end is left for the next time. `folder` is the attempt's,
// relative to `sweep`.
int64_t ingest_metrics(db::RunStore& store, const std::filesystem::path& sweep,
                       const std::string& folder, int64_t run_id, int64_t attempt_id,
                       int64_t offset, trainer::LineChecks checks = trainer::LineChecks::kRequired);

// What of the losses that an attempt was told to measure is not in the store: whole as a file may
// seem, its lines are counted against the plan.
struct MissingLosses {
  int64_t count = 0, planned = 0;
  int64_t first_step = 0;      // of the first one that is missing
  std::string first_language;  // or the multiple-choice set, scored after the last step
};
MissingLosses missing_losses(const db::RunStore& store, int64_t run_id,
                             const trainer::TrainConfig& config);
std::string describe(const MissingLosses& missing);

}  // namespace crosslaw::sweep
