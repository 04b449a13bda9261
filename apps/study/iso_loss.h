#pragma once

#include <string>
#include <vector>

#include "apps/study/compute_count.h"
#include "apps/study/observations.h"
#include "apps/study/sweep_fits.h"
#include "fit/solve/spread.h"

// Lines of equal predicted loss over model size and compute, with the efficient frontier
// (arXiv:2407.02118, Fig. 4).
namespace crosslaw::apps {

struct BestSize {
  double flops = 0;
  fit::Estimate params;  // N*
};

struct SizeAndCompute {
  double flops = 0;
  double params = 0;
};

// Splits of the same tokens per parameter, across the grid.
struct RatioLine {
  double tokens_per_param = 0;
  std::vector<SizeAndCompute> line;
};

// The predicted losses of one strategy on a grid, even in the logs.
struct IsoLossSurface {
  std::string strategy;
  std::vector<double> params, flops;
  std::vector<std::vector<double>> loss;  // a row for each of params, a column for each of flops
  std::vector<BestSize> frontier;         // empty where the law has no optimum
  std::vector<RatioLine> ratios;
  std::vector<SizeAndCompute> measured;  // outline of the fitted runs, closed, against the clock
};

// Round losses, the same for all surfaces of a figure.
struct LossLevels {
  double low = 0, high = 0;    // the least loss, and where the lines become too dense to read
  double start = 0, step = 0;  // the lines stand at start, start + step, ... up to high
};

struct IsoLoss {
  ComputeCount compute =
      ComputeCount::kSixNd;  // of grid, frontier and outline alike: the fits' own
  LossLevels levels;
  std::vector<IsoLossSurface> surfaces;
};

// By the fit that answers for the pair (FitChoice). No surfaces without one.
IsoLoss iso_loss(const Observations& observations, const PairFits& fits);

}  // namespace crosslaw::apps
