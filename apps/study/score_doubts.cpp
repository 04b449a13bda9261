#include "apps/study/score_doubts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

// A miss by a unit is one by this factor, up to what the laws miss themselves.
constexpr double kNearUnitFactor = 0.03;

std::string name_of_run(const fit::NewRun& run) {
  return fmt::format("N = {}, D = {}", fit::short_count(run.params), fit::short_count(run.tokens));
}

void compare(const std::string& what, const std::string& registered, const std::string& came,
             std::vector<std::string>& out) {
  if (registered.empty() || came.empty() || registered == came) return;
  out.push_back(fmt::format(
      "{} was registered as '{}', and these data have '{}': if they are not the same quantity, the "
      "errors say nothing of the forecast",
      what, registered, came));
}

bool outside(const fit::ScoredRun& run) {
  return run.observed < run.intervals.back().low || run.observed > run.intervals.back().high;
}

void refuse_other_unit(const ScoredForecast& scored, const std::vector<CameRuns>& came) {
  const bool said = std::any_of(came.begin(), came.end(),
                                [](const CameRuns& each) { return each.loss_unit_said; });
  if (said || scored.runs.empty()) return;
  const double bits = -std::log(std::numbers::ln2);  // log of a loss in bits over the same in nats
  for (const double sign : {1.0, -1.0}) {
    const bool all =
        std::all_of(scored.runs.begin(), scored.runs.end(), [&](const fit::ScoredRun& each) {
          const double missed = std::log(each.observed / each.predicted);
          return outside(each) && std::abs(missed - sign * bits) < kNearUnitFactor;
        });
    if (!all) continue;
    throw std::invalid_argument(fmt::format(
        "{}: every run came with {:.3g} times the forecast loss, which is {}; --loss-unit bits "
        "says that these data are in bits, --loss-unit nats that they are as they stand",
        scored.forecast.path, std::exp(sign * bits),
        sign > 0 ? "what bits are to nats: these data look like bits"
                 : "what nats are to bits: the forecast looks as if it was made of bits"));
  }
}

// Seeds lie within the interval of one run as a rule; other languages or data do not.
void doubt_rows_apart(const ScoredForecast& scored, std::vector<std::string>& out) {
  for (std::size_t i = 0; i < scored.runs.size();) {
    const fit::ScoredRun& first = scored.runs[i];
    double least = first.observed, most = first.observed;
    std::size_t rows = 0;
    // Rows of one run follow each other.
    for (; i < scored.runs.size() && scored.runs[i].run.params == first.run.params &&
           scored.runs[i].run.tokens == first.run.tokens;
         ++i, ++rows) {
      least = std::min(least, scored.runs[i].observed);
      most = std::max(most, scored.runs[i].observed);
    }
    const fit::Range& held = first.intervals.back();
    if (rows < 2 || most / least <= held.high / held.low) continue;
    out.push_back(fmt::format(
        "{}: {} rows are taken for this run, with losses from {:.4g} to {:.4g}, further "
        "apart than its 95 % interval is wide: these look like runs of several kinds, "
        "not seeds; --where COLUMN=VALUE keeps those of one",
        name_of_run(first.run), rows, least, most));
  }
}

bool has_both(const fit::Points& points) {
  return fit::has_continued(points) &&
         std::any_of(points.begin(), points.end(),
                     [](const fit::Point& each) { return each.stage == fit::Stage::kScratch; });
}

}  // namespace

void require_same_stages(const RegisteredForecast& forecast, const std::vector<CameRuns>& came) {
  for (const CameRuns& each : came) {
    for (const RegisteredRun& run : forecast.runs) {
      if (run.label != each.label) continue;
      if (!run.stage.empty() && !each.stage_known) {
        throw std::invalid_argument(fmt::format(
            "{}: {} is forecast {}, and the data do not say which rows are; name the column that "
            "says scratch or continued: --stage COLUMN",
            forecast.path, name_of_run(run.run),
            run.stage == "scratch" ? "from scratch" : run.stage));
      }
      if (run.stage.empty() && has_both(each.points)) {
        throw std::invalid_argument(fmt::format(
            "{}: its forecasts are of one kind of runs, and the data have scratch and continued "
            "ones; keep those that it is of: --where COLUMN=scratch or COLUMN=continued",
            forecast.path));
      }
    }
  }
}

std::vector<std::string> doubts_about_score(const ScoredForecast& scored,
                                            const std::vector<CameRuns>& came) {
  refuse_other_unit(scored, came);
  std::vector<std::string> out;
  for (const CameRuns& each : came) {
    const auto found = scored.forecast.conventions.find(each.label);
    if (found == scored.forecast.conventions.end()) continue;
    // Runs are matched by N and D: how C is counted makes no difference.
    compare("N", found->second.params, each.convention.params, out);
    compare("the loss", found->second.loss, each.convention.loss, out);
  }
  doubt_rows_apart(scored, out);
  return out;
}

}  // namespace crosslaw::apps
