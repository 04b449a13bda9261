#include "fit/frontier/training_envelope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include "fit/frontier/lower_envelope.h"
#include "fit/solve/parallel.h"
#include "fit/solve/resample.h"

namespace crosslaw::fit {
namespace {

constexpr double kEdgeShare = 0.2;  // of the envelope, held by the smallest or the largest size
constexpr double kNoLoss = std::numeric_limits<double>::infinity();

// One training run: its checkpoints in the order of compute, no two of equal compute.
struct Run {
  int first_point = 0;
  std::vector<FrontierPoint> checkpoints;
};

FrontierPoint in_logs(const Point& point) {
  return {std::log(training_flops(point)), std::log(point.params), std::log(point.tokens),
          std::log(point.loss)};
}

// Between the checkpoints around log C, linear in it; log loss is infinite outside the run.
FrontierPoint at(const Run& run, double log_flops) {
  const auto& all = run.checkpoints;
  if (log_flops < all.front().log_flops || log_flops > all.back().log_flops) {
    return {log_flops, 0, 0, kNoLoss};
  }
  const auto above =
      std::max(all.begin() + 1,
               std::lower_bound(all.begin(), all.end(), log_flops,
                                [](const FrontierPoint& p, double c) { return p.log_flops < c; }));
  const FrontierPoint &a = *(above - 1), &b = *above;
  const double t = (log_flops - a.log_flops) / (b.log_flops - a.log_flops);
  return {log_flops, a.log_params, a.log_tokens + t * (b.log_tokens - a.log_tokens),
          a.log_loss + t * (b.log_loss - a.log_loss)};
}

// Runs with at least two checkpoints.
std::vector<Run> runs_with_checkpoints(const Points& points) {
  std::map<int, Run> runs;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& point = points[i];
    if (point.cluster < 0) continue;
    Run& run = runs[point.cluster];
    if (run.checkpoints.empty()) run.first_point = static_cast<int>(i);
    const Point& first = points[static_cast<std::size_t>(run.first_point)];
    if (point.params != first.params) {
      throw std::invalid_argument(
          fmt::format("points {} and {} belong to one run, but have {:.6g} and {:.6g} parameters: "
                      "clusters must be training runs here",
                      run.first_point, i, first.params, point.params));
    }
    run.checkpoints.push_back(in_logs(point));
  }
  std::vector<Run> out;
  for (auto& [id, run] : runs) {
    auto& all = run.checkpoints;
    std::sort(all.begin(), all.end(), [](const FrontierPoint& a, const FrontierPoint& b) {
      return std::pair(a.log_flops, a.log_loss) < std::pair(b.log_flops, b.log_loss);
    });
    all.erase(std::unique(all.begin(), all.end(),
                          [](const FrontierPoint& a, const FrontierPoint& b) {
                            return a.log_flops == b.log_flops;
                          }),
              all.end());
    if (all.size() > 1) out.push_back(std::move(run));
  }
  return out;
}

// Every run at every value of the grid, so that a draw only compares losses.
class CurveEnvelope {
 public:
  CurveEnvelope(std::vector<Run> runs, int grid) : runs_(std::move(runs)) {
    double low = kNoLoss, high = -kNoLoss;
    for (const Run& run : runs_) {
      low = std::min(low, run.checkpoints.front().log_flops);
      high = std::max(high, run.checkpoints.back().log_flops);
    }
    for (int k = 0; k < grid; ++k) {
      // The last value is the largest compute itself, not a rounding beyond it.
      const double t = static_cast<double>(k) / (grid - 1);
      const double log_flops = k + 1 == grid ? high : low + t * (high - low);
      for (const Run& run : runs_) table_.push_back(at(run, log_flops));
    }
  }

  // The best of the runs that occur in a world, at each value of the grid that one of them covers.
  std::vector<FrontierPoint> lowest(const std::vector<double>& count) const {
    std::vector<std::size_t> there;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      if (count[static_cast<std::size_t>(runs_[r].first_point)] > 0) there.push_back(r);
    }
    std::vector<FrontierPoint> out;
    for (std::size_t row = 0; row < table_.size(); row += runs_.size()) {
      const FrontierPoint* best = nullptr;
      for (const std::size_t r : there) {
        const FrontierPoint& each = table_[row + r];
        if (!best || each.log_loss < best->log_loss) best = &each;
      }
      if (best && best->log_loss < kNoLoss) out.push_back(*best);
    }
    return out;
  }

 private:
  std::vector<Run> runs_;
  std::vector<FrontierPoint> table_;  // grid x runs
};

std::vector<FrontierPoint> lowest_points(const Points& points, const std::vector<double>& flops,
                                         const std::vector<double>& count) {
  std::vector<FrontierPoint> out;
  for (const int i : points_on_envelope(points, flops, count)) {
    out.push_back(in_logs(points[static_cast<std::size_t>(i)]));
  }
  return out;
}

Range widened(const Range& range, double log_value) {
  return {std::min(range.low, std::exp(log_value)), std::max(range.high, std::exp(log_value))};
}

std::vector<EnvelopeSegment> segments_of(const std::vector<FrontierPoint>& envelope) {
  std::vector<EnvelopeSegment> out;
  double last = -kNoLoss;
  for (const FrontierPoint& each : envelope) {
    if (each.log_params != last) {
      const auto only = [](double log_value) {
        return Range{std::exp(log_value), std::exp(log_value)};
      };
      out.push_back({std::exp(each.log_params), only(each.log_flops), only(each.log_tokens),
                     only(each.log_loss), 0});
    }
    EnvelopeSegment& segment = out.back();
    segment.flops = widened(segment.flops, each.log_flops);
    segment.tokens = widened(segment.tokens, each.log_tokens);
    segment.loss = widened(segment.loss, each.log_loss);
    ++segment.values;
    last = each.log_params;
  }
  return out;
}

void add_warnings(const std::vector<FrontierPoint>& envelope, const Points& points,
                  TrainingEnvelopeFit& fit) {
  const Range params = coverage(points).params;
  const auto held = [&](double size) {
    const auto same = [size](const FrontierPoint& p) {
      return std::abs(p.log_params - std::log(size)) < 1e-9;
    };
    return static_cast<double>(std::count_if(envelope.begin(), envelope.end(), same)) /
           static_cast<double>(envelope.size());
  };
  for (const auto& [name, size, truth] : {std::tuple("smallest", params.low, "smaller"),
                                          std::tuple("largest", params.high, "larger")}) {
    if (held(size) <= kEdgeShare) continue;
    fit.warnings.push_back(
        fmt::format("the {} size holds {:.0f} % of the envelope: N* there may be {}, and the "
                    "exponents are biased",
                    name, 100 * held(size), truth));
  }
  if (fit.segments.size() < 3) {
    fit.warnings.push_back(fmt::format("only {} size{} hold{} the envelope", fit.segments.size(),
                                       fit.segments.size() == 1 ? "" : "s",
                                       fit.segments.size() == 1 ? "s" : ""));
  }
  if (fit.single_points > 0) {
    fit.warnings.push_back(
        fmt::format("{} points are left out: they are the only ones of their run, and other runs "
                    "have several",
                    fit.single_points));
  }
}

// The envelope of the data and of every bootstrap world.
template <typename Lowest>
void fit_envelope(const Points& points, const Lowest& lowest, TrainingEnvelopeFit& out) {
  const FrontierOptions& settings = out.options.frontier;
  const std::vector<FrontierPoint> envelope = lowest(std::vector<double>(points.size(), 1));
  const Resampler resampler(points, Resampling::kClusters, settings.seed);
  std::vector<std::optional<FrontierLaws>> draws(static_cast<std::size_t>(settings.draws));
  parallel_for(settings.draws, settings.threads, [&](int draw) {
    draws[static_cast<std::size_t>(draw)] = frontier_laws(lowest(resampler.draw(draw).count));
  });
  const std::optional<MeasuredFrontier> frontier =
      measure_frontier(envelope, draws, settings.flops);
  if (!frontier) {
    throw std::invalid_argument("fewer than two compute values lie on the lower envelope");
  }
  out.frontier = *frontier;
  out.values = envelope.size();
  out.segments = segments_of(envelope);
  add_warnings(envelope, points, out);
}

}  // namespace

std::vector<std::string> problems(const TrainingEnvelopeOptions& options) {
  std::vector<std::string> out = problems(options.frontier);
  if (options.grid < 2) out.push_back(fmt::format("grid = {} must be 2 or more", options.grid));
  if (options.frontier.resampling == Resampling::kParametric) {
    out.push_back("resampling: an envelope has no noise model; use pairs or clusters");
  }
  return out;
}

TrainingEnvelopeFit fit_training_envelope(const Points& points,
                                          const TrainingEnvelopeOptions& options) {
  require_frontier_input(points, problems(options));
  TrainingEnvelopeFit out;
  out.options = options;
  std::vector<Run> runs = runs_with_checkpoints(points);
  if (runs.empty()) {
    std::vector<double> flops;
    for (const Point& point : points) flops.push_back(training_flops(point));
    out.runs = points.size();
    fit_envelope(
        points, [&](const auto& count) { return lowest_points(points, flops, count); }, out);
    return out;
  }
  out.interpolated = true;
  out.runs = runs.size();
  std::size_t in_runs = 0;
  for (const Run& run : runs) {
    const int cluster = points[static_cast<std::size_t>(run.first_point)].cluster;
    in_runs += static_cast<std::size_t>(
        std::count_if(points.begin(), points.end(),
                      [cluster](const Point& point) { return point.cluster == cluster; }));
  }
  out.single_points = points.size() - in_runs;
  const CurveEnvelope envelope(std::move(runs), options.grid);
  fit_envelope(
      points, [&](const auto& count) { return envelope.lowest(count); }, out);
  return out;
}

}  // namespace crosslaw::fit
