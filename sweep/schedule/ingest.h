#pragma once

#include <filesystem>

#include "db/run_store.h"

namespace crosslaw::sweep {

// Moves what an attempt's metrics.jsonl gained since `offset` into the store, and returns the new
// offset. A last line without its end is left for the next time. `folder` is the attempt's,
// relative to `sweep`.
int64_t ingest_metrics(db::RunStore& store, const std::filesystem::path& sweep,
                       const std::string& folder, int64_t run_id, int64_t attempt_id,
                       int64_t offset);

}  // namespace crosslaw::sweep
