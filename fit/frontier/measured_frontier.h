#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/laws/power_law.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

// Power laws through compute-optimal models that were measured, not derived from a fitted loss law:
// what approaches 1 and 2 of Hoffmann et al. 2022 (arXiv 2203.15556) end with.
namespace crosslaw::fit {

// One compute-optimal model, in natural logs.
struct FrontierPoint {
  double log_flops = 0;
  double log_params = 0;
  double log_tokens = 0;
  double log_loss = 0;
};

// N* = k C^a, D* = k' C^b and L* = l C^-s through the same points. The law of the loss has no
// floor E, so it is good only near the measured budgets. The last two have the exponent 0.5, for
// comparison.
struct FrontierLaws {
  PowerLaw params;
  PowerLaw tokens;
  PowerLaw loss;
  PowerLaw params_at_half;
  PowerLaw tokens_at_half;
};

// Empty where fewer than two budgets differ.
std::optional<FrontierLaws> frontier_laws(const std::vector<FrontierPoint>& points);

struct FrontierOptions {
  std::vector<double> flops;  // budgets to answer, each above 0; may be empty
  int draws = 1000;           // bootstrap repetitions; 0: no intervals
  Resampling resampling = Resampling::kPairs;
  std::uint64_t seed = 1;
  int threads = 0;  // 0: one a core; never changes a result
};

std::vector<std::string> problems(const FrontierOptions& options);

struct PowerLawEstimate {
  Estimate constant;
  Estimate exponent;
  double rms = 0;  // of logs
};

// What the power laws say at one budget.
struct FrontierRow {
  double flops = 0;
  Estimate params;
  Estimate tokens;
  Estimate tokens_per_param;
  Estimate loss;
  Estimate params_at_half;  // N* with the exponent pinned at 0.5
  double flops_factor = 1;  // how far C lies outside the budgets of the points; below 1: too small
};

struct MeasuredFrontier {
  std::size_t points = 0;
  Range flops;  // of the points
  PowerLawEstimate params, tokens, loss, params_at_half, tokens_at_half;
  std::vector<FrontierRow> rows;  // one a budget of FrontierOptions::flops
};

// Power laws through `points` with the spread of `draws`, in which laws may be missing. Empty where
// the points have no laws.
std::optional<MeasuredFrontier> measure_frontier(
    const std::vector<FrontierPoint>& points, const std::vector<std::optional<FrontierLaws>>& draws,
    const std::vector<double>& flops);

// Throws std::invalid_argument for bad options, bad points, or points of both stages: a frontier
// is of one strategy.
void require_frontier_input(const Points& points, const std::vector<std::string>& option_problems);

}  // namespace crosslaw::fit
