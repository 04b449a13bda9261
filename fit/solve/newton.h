#pragma once

#include <span>

#include "fit/laws/law.h"
#include "fit/solve/objective.h"

namespace crosslaw::fit {

struct NewtonOptions {
  int max_evaluations = 2000;
  double tolerance = 1e-11;   // stop when the projected gradient is below tolerance * Sums::pull
  double least_gain = 0;      // stop as well when a Newton step promises less, relative to F
  double first_blend = 0.1;   // 0: trust the Hessian of this piece at once; 1: expect kinks
  double first_radius = 0.1;  // longest first step, as rms change of log L
};

struct NewtonSummary {
  Theta theta;  // centred
  double objective = 0;
  double gradient_norm = 0;  // largest |dF/dtheta_j| that no bound excuses
  double pull = 0;           // see Sums::pull
  int evaluations = 0;
  bool converged = false;  // gradient_norm is negligible against pull
};

// Walks from `start` to a stationary point of the Huber objective inside the box. F is smooth but
// for its curvature, which jumps where a residual crosses a kink, |r| = delta. A step p solves
// ((1 - t) H + t W) p = -g. H is the exact Hessian of the piece between the kinks: t = 0 is
// Newton's method, which doubles the digits with each step once no kink is crossed, and may
// overshoot before. W is the majorizer, in which a parabola that touches Huber's function at r and
// lies above it everywhere stands for it (weight min(1, delta/|r|)): t = 1 is reweighted least
// squares (Huber 1981, section 7.8), which goes down from anywhere, slowly. The blend t rises after
// a step that failed and falls to 0 with those that did not: kinks cost steps, never convergence.
NewtonSummary newton(const Law& law, std::span<const Sample> samples, double delta,
                     const SearchBox& box, const Theta& start, const NewtonOptions& options = {});

// newton(), and where it crawls because the floor E drifts towards 0: the optimum with E = 0, taken
// when it is a minimum of the whole problem (dF/dE >= 0 there) and not above the point reached.
NewtonSummary minimise(const Law& law, std::span<const Sample> samples, double delta,
                       const SearchBox& box, const Theta& start, const NewtonOptions& options = {});

}  // namespace crosslaw::fit
