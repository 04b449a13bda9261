#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "db/run_store.h"

namespace crosslaw::sweep {

struct RecoverOptions {
  std::filesystem::path folder;  // the one that holds runs/
  std::string host, backend;     // of an attempt that may still be running
  int64_t now_ms = 0;
  // Hears of what lies there and cannot be used.
  std::function<void(const std::string&)> say;
};

// Takes attempts into the store that lie in the folders of its runs and that it does not know:
// after the database was lost or damaged, and after a crash that undid its last transaction. Rows
// come from config.json, result.json and metrics.jsonl, each of which is checked; a finished
// attempt whose losses are not all there counts as one that lost them. One without a result is left
// open, for it may still be running. Returns how many there were.
int64_t recover_attempts(db::RunStore& store, const RecoverOptions& options);

// Earlier versions kept precision = "auto" in the keys of runs on GPUs, which trained in bf16. Here
// that key means fp32, so what came from a GPU under it is forgotten and trained again. Returns how
// many attempts those were.
int64_t discard_other_precision(db::RunStore& store, int64_t now_ms);

}  // namespace crosslaw::sweep
