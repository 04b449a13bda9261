#include "apps/study/loss_frontier.h"

#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/frontier/lower_envelope.h"

namespace crosslaw::apps {
namespace {

constexpr int kDraws = 200;      // resampled runs for the interval of the exponent
constexpr int kCurveSteps = 32;  // pieces of a frontier that bends

void add_curves(const std::vector<Measurement>& measurements, LossOverCompute& out) {
  const db::RunResultRow* run = nullptr;
  for (const Measurement& m : measurements) {
    if (m.run != run) {
      run = m.run;
      out.curves.push_back(
          {run->strategy, run->language, run->size, run->replay, m.params, run->seed, {}});
    }
    out.curves.back().points.push_back(
        {m.flops_of(out.compute), static_cast<double>(m.tokens), m.loss, m.end});
  }
}

// Through the points of one strategy, whose compute is already that of the figure.
std::optional<LossFrontier> frontier_through(const fit::Points& points) {
  std::vector<double> flops;
  for (const fit::Point& point : points) flops.push_back(fit::training_flops(point));
  LossFrontier out;
  try {
    const fit::LowerEnvelope envelope = fit::lower_envelope(points, flops, kDraws, 1);
    out.coefficient = envelope.coefficient;
    out.exponent = envelope.exponent;
    out.floor = envelope.floor;
    for (const int i : envelope.points) {
      const auto at = static_cast<std::size_t>(i);
      out.lowest.push_back({flops[at], points[at].tokens, points[at].loss, true});
      out.mean_distance += std::abs(std::log(points[at].loss / envelope.loss_at(flops[at]))) /
                           static_cast<double>(envelope.points.size());
    }
    // A power law is straight on the log axes of the figure: its ends are enough.
    const int steps = out.floor ? kCurveSteps : 1;
    const double first = std::log(out.lowest.front().flops),
                 last = std::log(out.lowest.back().flops);
    for (int i = 0; i <= steps; ++i) {
      const double c = i == 0       ? out.lowest.front().flops
                       : i == steps ? out.lowest.back().flops
                                    : std::exp(first + (last - first) * i / steps);
      out.line.push_back({c, 0, envelope.loss_at(c), false});
    }
  } catch (const std::invalid_argument&) {
    return std::nullopt;  // too few runs so far for a line
  }
  return out;
}

}  // namespace

LossOverCompute loss_over_compute(const Observations& observations, ComputeCount compute) {
  LossOverCompute out;
  out.compute = compute;
  std::set<std::pair<std::string, double>> curves_seen, frontiers_seen;
  for (const db::RunResultRow& run : observations.runs()) {
    if (curves_seen.insert({run.strategy, run.replay}).second)
      add_curves(observations.of_strategy(run.strategy, run.replay), out);
  }
  for (const LanguagePair& pair : observations.pairs()) {
    const fit::Points points =
        observations.points(pair, PointChoice::kAuto, compute == ComputeCount::kExact);
    const auto add = [&](const std::string& strategy, double replay, fit::Stage stage) {
      if (strategy.empty() || !frontiers_seen.insert({strategy, replay}).second) return;
      std::optional<LossFrontier> found = frontier_through(fit::select_stage(points, stage));
      if (!found) return;
      found->strategy = strategy;
      found->replay = replay;
      out.frontiers.push_back(std::move(*found));
    };
    add(pair.scratch, 0, fit::Stage::kScratch);
    add(pair.continued, pair.replay, fit::Stage::kContinued);
  }
  return out;
}

}  // namespace crosslaw::apps
