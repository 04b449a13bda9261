#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fit/fitter.h"

// What a sweep would tell before it is trained: losses drawn from an assumed law and noise, fitted
// like real ones, many times.
namespace crosslaw::fit {

// Relative noise of a loss: exp of a random number with these standard deviations.
struct LossNoise {
  double point = 0.005;  // of every loss on its own
  double run = 0;        // normal, shared by the points of one cluster: seeds, data order
  bool laplace =
      false;  // the noise of every loss has the heavy tails of the Laplace law, else normal
};

// The noise that a fit sees around itself: that of the runs by analysis of variance over clusters,
// the rest by whichever law gives it the larger likelihood.
LossNoise noise_around(const Points& points, const FitResult& fit);

struct SimulationOptions {
  FitOptions fit = {.starts = 8};  // the fit that every simulated sweep gets
  LossNoise noise;
  int sweeps = 200;
  std::vector<double> flops;  // budgets at which N*, D* and the loss are looked at
  std::uint64_t seed = 1;     // of the noise
  int threads = 0;
};

std::vector<std::string> problems(const SimulationOptions& options);

// How well sweeps of this design answer one question.
struct Outlook {
  std::string name;  // of a coefficient, or "N*(1e+21)"
  std::optional<double> truth;
  int estimates = 0;      // sweeps in which the quantity exists
  double bias = 0;        // mean estimate - truth
  double deviation = 0;   // standard deviation of the estimates
  double median_low = 0;  // of the ends of the 95 % intervals
  double median_high = 0;
  double coverage = 0;  // share of intervals that hold the truth, of those there are
  int intervals = 0;
  double sign_share = 0;  // share of sweeps whose interval excludes 0
};

struct Simulation {
  int sweeps = 0;
  int unidentified = 0;  // fits that say they are not identifiable
  int failed = 0;        // fits that did not converge
  std::vector<Outlook> outlooks;
};

// `design`: the points a sweep would measure; their losses are ignored. `truth` is plain. The fit
// may be of another law than the truth; coefficients of other names then have no truth. A pure
// function of the options, whatever the number of threads. Throws std::invalid_argument for bad
// options and for a design that cannot fit the law.
Simulation simulate(const Points& design, const Law& law, const Theta& truth,
                    const SimulationOptions& options,
                    const std::function<void(int)>& finished = nullptr);

// The losses of one sweep, a pure function of (seed, sweep).
Points draw_losses(const Points& design, const Law& law, const Theta& truth, const LossNoise& noise,
                   std::uint64_t seed, int sweep);

}  // namespace crosslaw::fit
