#include "apps/study/iso_loss.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fit/allocate/allocation.h"
#include "fit/solve/strategies.h"

namespace crosslaw::apps {
namespace {

constexpr std::size_t kGrid = 41;          // lines of the grid in each direction
constexpr std::size_t kFrontierEvery = 4;  // grid lines between two optima
constexpr double kAboutLevels = 14;
constexpr double kDense = 0.85;  // share of the grid below the highest level

std::vector<double> log_grid(double low, double high) {
  std::vector<double> grid;
  for (std::size_t i = 0; i < kGrid; ++i)
    grid.push_back(low * std::pow(high / low, static_cast<double>(i) / (kGrid - 1)));
  return grid;
}

// The convex hull on log axes (Andrew's monotone chain), closed.
std::vector<SizeAndCompute> outline_of(const fit::Points& points) {
  struct Spot {
    double x, y;
  };
  std::vector<Spot> spots;
  for (const fit::Point& p : points)
    spots.push_back({std::log(fit::training_flops(p)), std::log(p.params)});
  std::sort(spots.begin(), spots.end(),
            [](const Spot& a, const Spot& b) { return std::pair(a.x, a.y) < std::pair(b.x, b.y); });
  std::vector<Spot> around;
  for (int side = 0; side < 2; ++side) {  // the lower side, then the upper one backwards
    const std::size_t first = around.size();
    for (const Spot& p : spots) {
      while (around.size() > first + 1) {
        const Spot &o = around[around.size() - 2], &a = around.back();
        if ((a.x - o.x) * (p.y - o.y) - (a.y - o.y) * (p.x - o.x) > 0) break;
        around.pop_back();
      }
      around.push_back(p);
    }
    if (!around.empty()) around.pop_back();  // it begins the other side
    std::reverse(spots.begin(), spots.end());
  }
  std::vector<SizeAndCompute> out;
  for (const Spot& p : around) out.push_back({std::exp(p.x), std::exp(p.y)});
  if (!out.empty()) out.push_back(out.front());
  return out;
}

IsoLossSurface surface_of(const fit::FitResult& part, const fit::DataRange& covered) {
  IsoLossSurface out;
  out.params = log_grid(covered.params.low / 2, covered.params.high * 4);
  out.flops = log_grid(covered.flops.low / 2, covered.flops.high * 10);
  // The same compute model as in allocate(): D follows from C and N in one way only.
  const fit::ComputeModel compute = part.compute_model();
  for (const double n : out.params) {
    std::vector<double> row;
    for (const double c : out.flops) {
      row.push_back(fit::predicted_loss(*part.law, part.theta, n, compute.tokens(c, n)));
    }
    out.loss.push_back(std::move(row));
  }
  fit::AllocationOptions options;
  for (std::size_t i = 0; i < out.flops.size(); i += kFrontierEvery)
    options.flops.push_back(out.flops[i]);
  for (const double ratio : {1.0, 5.0, 20.0, 100.0, 500.0}) {
    RatioLine one{ratio, {}};
    for (const double n : out.params) {
      const double flops = compute.flops_per_token(n) * ratio * n;
      if (flops >= out.flops.front() && flops <= out.flops.back()) one.line.push_back({flops, n});
    }
    if (one.line.size() > 1) out.ratios.push_back(std::move(one));
  }
  for (const fit::AllocationRow& row : fit::allocate(part, options).rows)
    out.frontier.push_back({row.flops, row.params});
  return out;
}

// Steps of 1, 2 or 5 so that about a dozen lines stand between the least loss and most of the grid.
LossLevels levels_of(const std::vector<IsoLossSurface>& surfaces) {
  std::vector<double> all;
  for (const IsoLossSurface& surface : surfaces) {
    for (const std::vector<double>& row : surface.loss) {
      std::copy_if(row.begin(), row.end(), std::back_inserter(all),
                   [](double loss) { return std::isfinite(loss); });
    }
  }
  if (all.empty()) return {};
  std::sort(all.begin(), all.end());
  LossLevels out;
  out.low = all.front();
  out.high = fit::quantile(all, kDense);
  const double raw = std::max((out.high - out.low) / kAboutLevels, 1e-6);
  const double decade = std::pow(10.0, std::floor(std::log10(raw)));
  const std::array<double, 4> rounds = {1, 2, 5, 10};
  const auto* round =
      std::find_if(rounds.begin(), rounds.end(), [&](double k) { return decade * k >= raw; });
  out.step = decade * (round == rounds.end() ? 10 : *round);
  out.start = std::ceil(out.low / out.step) * out.step;
  return out;
}

}  // namespace

IsoLoss iso_loss(const Observations& observations, const PairFits& fits) {
  IsoLoss out;
  const fit::FitResult* chosen = fits.find(fits.choice.name);
  if (!chosen || !chosen->measured_range) return out;
  const bool exact = chosen->compute.has_value();
  out.compute = exact ? ComputeCount::kExact : ComputeCount::kSixNd;
  const fit::Points points = observations.points(fits.pair, PointChoice::kAuto, exact);
  for (const fit::StrategyFit& part : fit::strategy_fits(*chosen)) {
    const fit::Stage stage = part.stage.value_or(fit::Stage::kScratch);
    // One grid for both strategies, so that their panels can be compared by eye.
    out.surfaces.push_back(surface_of(part.fit, *chosen->measured_range));
    out.surfaces.back().strategy =
        stage == fit::Stage::kContinued ? fits.pair.continued : fits.pair.scratch;
    out.surfaces.back().measured = outline_of(fit::select_stage(points, stage));
  }
  out.levels = levels_of(out.surfaces);
  return out;
}

}  // namespace crosslaw::apps
