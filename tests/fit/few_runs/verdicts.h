#pragma once

#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fitter.h"

// What is said of the answers of a fit, design by design and noise by noise, where the truth is
// known.
namespace few_runs {

struct VerdictDesign {
  std::string name;
  crosslaw::fit::Points points;  // without losses
  std::vector<double> truth;     // E, A, alpha, B, beta
  double noise = 0.005;
};

// 24 designs: grids that tell everything, rays, bundles of near sizes, isoFLOPs, few runs, E = 0.
std::vector<VerdictDesign> verdict_designs();

// Of one answer over the noise draws of a design.
struct VerdictCount {
  std::string name;  // E, alpha, beta, N* or loss, the last two at ten times the largest compute
  int known = 0, weakly = 0, not_known = 0;
  int false_known = 0;  // "known" though further from the truth than that word allows
  int near = 0;         // the estimate was as near as "known" asks
};

// `draws` sweeps of the design, the same noise for the same number.
std::vector<VerdictCount> count_verdicts(const VerdictDesign& design, int draws,
                                         const crosslaw::fit::FitOptions& options);

}  // namespace few_runs
