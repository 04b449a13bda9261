#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fit/frontier/measured_frontier.h"

namespace crosslaw::fit {

// Approach 1 of Hoffmann et al. 2022 (arXiv 2203.15556, section 3.1): at each of `grid` compute
// values, evenly spaced in log C from the smallest to the largest measured, the run with the least
// loss; N is that run's, not the minimum of a curve. Then power laws through N, D and loss of these
// runs.
//
// Points of one cluster are checkpoints of one training run; its loss and tokens between two
// checkpoints are interpolated in log C, and it has none outside them. Where no run has two
// checkpoints the points of the lower envelope (fit/frontier/lower_envelope.h) are taken as they
// are.
struct TrainingEnvelopeOptions {
  FrontierOptions frontier;  // runs are resampled whole; parametric is refused
  int grid = 1500;           // the paper's
};

std::vector<std::string> problems(const TrainingEnvelopeOptions& options);

// Where one size holds the envelope.
struct EnvelopeSegment {
  double params = 0;
  Range flops;
  Range tokens;
  Range loss;
  std::size_t values = 0;  // grid values (or points) that it holds
};

struct TrainingEnvelopeFit {
  TrainingEnvelopeOptions options;
  bool interpolated = false;              // between checkpoints; else the points themselves
  std::size_t runs = 0;                   // that took part
  std::size_t single_points = 0;          // left out, because other runs have checkpoints
  std::size_t values = 0;                 // of the grid at which some run has a loss, or points
  std::vector<EnvelopeSegment> segments;  // ascending in C
  MeasuredFrontier frontier;
  std::vector<std::string> warnings;
};

// The envelope is an extreme of the data: its bootstrap intervals tell the influence of single runs
// and are rather too narrow. Throws std::invalid_argument for bad options or points (see
// require_frontier_input), points of one cluster with different N, or an envelope on which fewer
// than two compute values lie.
TrainingEnvelopeFit fit_training_envelope(const Points& points,
                                          const TrainingEnvelopeOptions& options);

}  // namespace crosslaw::fit
