#pragma once

#include <cstdint>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/objective.h"

namespace crosslaw::fit {

// One bootstrap world: how often every point occurs, and for the parametric bootstrap standard
// noise of either kind, from which apply() takes the kind of its noise model. Empty unless
// parametric.
struct Resample {
  std::vector<double> count;
  std::vector<double> normal;
  std::vector<double> laplace;
};

// The kind and size of the noise around a fit, for the parametric bootstrap.
struct NoiseModel {
  bool laplace = false;  // else normal; whichever gives the residuals the larger likelihood
  double scale = 0;      // of one standard variate, corrected for the coefficients fitted
};

NoiseModel fit_noise(const Objective& objective, const Theta& theta);

// Draws worlds. Runs are drawn among the runs of the same stages, so that a world has as many
// scratch and as many continued runs as the data; a run with points in both stages stays whole.
class Resampler {
 public:
  // `strata`, one label a point and the same for all points of a run, replaces the stages.
  Resampler(const Points& points, Resampling kind, std::uint64_t seed,
            const std::vector<int>& strata = {});

  // A pure function of (seed, draw).
  Resample draw(int draw) const;
  int clusters() const { return static_cast<int>(members_.size()); }

 private:
  Resampling kind_;
  std::uint64_t seed_;
  std::size_t points_;
  std::vector<std::vector<int>> members_;  // points of each run
  std::vector<std::vector<int>> strata_;   // runs that may stand in for each other
};

// The samples of `objective` (row i of which is point index[i]) in one world; `fitted` is the
// centred optimum of the parametric bootstrap.
void apply(const Resample& resample, const Objective& objective, const std::vector<int>& index,
           const Theta& fitted, const NoiseModel& noise, std::vector<Sample>& out);

// Every point.
std::vector<int> all_indices(const Points& points);

}  // namespace crosslaw::fit
