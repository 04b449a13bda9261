#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "db/run_store.h"
#include "fit/data/points.h"

namespace crosslaw::apps {

// What a sweep is made of and what it took.
struct SweepTotals {
  std::int64_t runs = 0;
  std::int64_t done = 0, diverged = 0, failed = 0, pending = 0, running = 0;
  std::int64_t sizes = 0, strategies = 0;
  std::optional<fit::Range> params;  // of all sizes; absent without runs
  double tokens = 0, flops = 0;      // of the runs that are done
  double compute_seconds = 0;        // of all attempts
  double wall_seconds = 0;           // from the first attempt to the last
  std::vector<std::string> devices;
};

SweepTotals sweep_totals(const db::RunStore& store, const Observations& observations);

// One strategy at one share of replay.
struct StrategySummary {
  std::string name, language;
  double replay = 0;
  std::optional<std::string> from;  // the strategy whose models it continues, if of this sweep
  std::string kind;                 // source, scratch or continued
};

std::vector<StrategySummary> strategies_of(const Observations& observations);

}  // namespace crosslaw::apps
