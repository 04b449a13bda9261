#include "apps/study/sweep_summary.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace crosslaw::apps {
namespace {

// Counts the run by what became of it; an attempt without an end is one that runs.
void count_outcome(db::Outcome outcome, SweepTotals& out) {
  switch (outcome) {
    case db::Outcome::kDone:
      ++out.done;
      break;
    case db::Outcome::kDiverged:
      ++out.diverged;
      break;
    case db::Outcome::kPending:
    case db::Outcome::kStopped:
      ++out.pending;
      break;
    case db::Outcome::kStarted:
      ++out.running;
      break;
    default:
      ++out.failed;
  }
}

}  // namespace

SweepTotals sweep_totals(const db::RunStore& store, const Observations& observations) {
  SweepTotals out;
  std::set<std::string> sizes, strategies, devices;
  for (const db::RunResultRow& run : observations.runs()) {
    ++out.runs;
    count_outcome(run.outcome, out);
    sizes.insert(run.size), strategies.insert(run.strategy);
    if (!run.device.empty()) devices.insert(run.device);
    const double params = params_of(run, observations.count());
    if (!out.params) out.params = fit::Range{params, params};
    out.params = fit::Range{std::min(out.params->low, params), std::max(out.params->high, params)};
    out.compute_seconds += run.seconds.value_or(0);
    if (run.outcome != db::Outcome::kDone) continue;
    out.tokens += static_cast<double>(run.tokens_target + run.tokens_source);
    out.flops += run.flops;
  }
  out.sizes = static_cast<std::int64_t>(sizes.size());
  out.strategies = static_cast<std::int64_t>(strategies.size());
  out.devices.assign(devices.begin(), devices.end());
  if (const auto span = store.attempt_span_ms())
    out.wall_seconds = static_cast<double>(span->second - span->first) / 1000;
  return out;
}

std::vector<StrategySummary> strategies_of(const Observations& observations) {
  std::map<std::string, std::string> from_scratch;  // language -> strategy
  std::set<std::string> source_languages;
  for (const db::RunResultRow& run : observations.runs()) {
    if (run.source_language) source_languages.insert(*run.source_language);
    if (!run.source_language) from_scratch.emplace(run.language, run.strategy);
  }
  std::vector<StrategySummary> out;
  std::set<std::pair<std::string, double>> seen;
  for (const db::RunResultRow& run : observations.runs()) {
    if (!seen.insert({run.strategy, run.replay}).second) continue;
    StrategySummary one{run.strategy, run.language, run.replay, std::nullopt, "scratch"};
    if (run.source_language) {
      one.kind = "continued";
      if (from_scratch.contains(*run.source_language))
        one.from = from_scratch[*run.source_language];
    } else if (source_languages.contains(run.language)) {
      one.kind = "source";
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace crosslaw::apps
