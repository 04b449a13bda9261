#pragma once

#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fitter.h"

// Sweeps of few runs with a known truth: designs that people train, and the noise they meet.
namespace few_runs {

enum class NoiseKind { kNormal, kHeavyTails, kOutliers };

struct Design {
  std::string name;
  std::string law;  // of the fit: chinchilla, two-stage or joint
  crosslaw::fit::Points points;
  double run_noise = 0;  // shared by the points of a size
};

// 8, 9, 12, 16 and 24 runs; isoFLOP 5 x 5; WSD 8 runs x 6, named and not; two-stage 12 x 3 x 2 and
// with six continued runs; joint 12 x 3 x 2.
std::vector<Design> coverage_designs();

inline constexpr double kNoise = 0.005;
const char* name_of(NoiseKind kind);

// The design with losses: the planted laws times exp(noise) of standard deviation kNoise. Heavy
// tails: Student's t with 3 degrees of freedom. Outliers: 5 % of the losses are 3 % too high.
crosslaw::fit::Points draw(const Design& design, NoiseKind kind, unsigned sweep);

// How often the intervals of one cell hold the truth.
struct Coverage {
  int sweeps = 0;
  int refused = 0;  // sweeps without intervals
  struct Answer {
    std::string name;
    int intervals = 0, held = 0;
    double width = 0;  // median of the log of high / low; of exponents high - low
  };
  std::vector<Answer> answers;  // coefficients, N*, loss and a new run at ten times the compute
};

Coverage coverage_of(const Design& design, NoiseKind kind, int sweeps,
                     const crosslaw::fit::FitOptions& options);

}  // namespace few_runs
