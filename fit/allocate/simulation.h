#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fit/allocate/target.h"
#include "fit/solve/fitter.h"

// What a sweep would tell before it is trained: losses drawn from an assumed law and noise, fitted
// like real ones, many times.
namespace crosslaw::fit {

// Relative noise of a loss: exp of a random number with these standard deviations.
struct LossNoise {
  double point = 0.005;  // of every loss on its own
  double run = 0;        // normal, shared by the points of one cluster: seeds, data order
  bool laplace = false;  // point noise has the heavy tails of the Laplace law, else normal
};

// The noise that a fit sees around itself: that of the runs by analysis of variance over clusters,
// the rest by whichever law gives it the larger likelihood.
LossNoise noise_around(const Points& points, const FitResult& fit);

struct SimulationOptions {
  FitOptions fit = {.starts = 8};  // the fit that every simulated sweep gets
  LossNoise noise;
  int sweeps = 200;
  std::vector<double> flops;  // budgets at which N*, D* and the loss are looked at
  ComputeModel compute;       // what these FLOPs count
  std::uint64_t seed = 1;     // of the noise
  int threads = 0;
};

std::vector<std::string> problems(const SimulationOptions& options);

// How well sweeps of this design answer one question.
struct Outlook {
  Target target;
  std::string name;             // name_of(target)
  std::optional<double> flops;  // the budget of N*, D* and loss
  std::optional<double> truth;
  int estimates = 0;                 // sweeps in which the quantity exists
  int intervals = 0;                 // sweeps that give it a 95 % interval and can identify it
  std::optional<double> bias;        // mean estimate - truth
  std::optional<double> deviation;   // standard deviation of the estimates
  std::optional<Range> expected;     // medians of the ends of the intervals
  std::optional<double> coverage;    // share of the intervals that hold the truth
  std::optional<double> sign_share;  // share of the sweeps whose interval excludes 0
};

struct Simulation {
  int sweeps = 0;
  int unidentified = 0;  // fits that say they are not identifiable
  int failed = 0;        // fits that did not converge
  std::vector<Outlook> outlooks;
};

// `design`: the points a sweep would measure; their losses are ignored. `truth` is plain. The fit
// may be of another law than the truth; coefficients of other names then have no truth. Where law
// "joint" is true and another is fitted, the truth is the half that the design is of; a design of
// both stages then has no true N*. A pure function of the options, whatever the number of threads.
// Throws std::invalid_argument for bad options and for a design that cannot fit the law.
Simulation simulate(const Points& design, const Law& law, const Theta& truth,
                    const SimulationOptions& options,
                    const std::function<void(int)>& finished = nullptr);

// The losses of one sweep, a pure function of (seed, sweep).
Points draw_losses(const Points& design, const Law& law, const Theta& truth, const LossNoise& noise,
                   std::uint64_t seed, int sweep);

}  // namespace crosslaw::fit
