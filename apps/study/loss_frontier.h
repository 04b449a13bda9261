#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/compute_count.h"
#include "apps/study/observations.h"
#include "fit/solve/spread.h"

// Validation loss against compute (arXiv:2407.02118, Fig. 1): a curve a run, and for each strategy
// the frontier through the lowest losses at each compute.
namespace crosslaw::apps {

struct LossAtCompute {
  double flops = 0;   // counted as the figure says
  double tokens = 0;  // of the target language
  double loss = 0;    // nats per token
  bool end = false;   // of the schedule
};

// The losses of one run on its own language, in the order of its steps.
struct LossCurve {
  std::string strategy, language, size;
  double replay = 0;
  double params = 0;
  std::int64_t seed = 0;
  std::vector<LossAtCompute> points;
};

// L = floor + coefficient * C^-exponent through the lowest losses of one strategy.
struct LossFrontier {
  std::string strategy;
  double replay = 0;
  fit::Estimate coefficient, exponent;
  std::optional<fit::Estimate>
      floor;  // absent: the losses show none (fit/frontier/lower_envelope.h)
  std::vector<LossAtCompute> lowest;  // the losses that it runs through, by compute
  std::vector<LossAtCompute> line;    // from the first of them to the last; no tokens. Two points
                                      // where it is straight on log axes
  double mean_distance = 0;           // mean |log(loss / line)| over `lowest`
};

struct LossOverCompute {
  ComputeCount compute = ComputeCount::kExact;  // of every curve and every frontier
  std::vector<LossCurve> curves;
  std::vector<LossFrontier> frontiers;  // a strategy with fewer than two lowest losses has none
};

// The curves of all strategies, and the frontiers of those that target languages compare, through
// the points that are fitted: ends of schedules, where there are several budgets.
LossOverCompute loss_over_compute(const Observations& observations, ComputeCount compute);

}  // namespace crosslaw::apps
