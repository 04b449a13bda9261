#pragma once

#include <cstdint>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/noise_model.h"
#include "fit/solve/objective.h"

namespace crosslaw::fit {

// One bootstrap world: how often every point occurs, and for the parametric bootstrap standard
// noise of either kind, from which apply() takes the kind of its noise model. Empty unless
// parametric.
struct Resample {
  std::vector<double> count;
  std::vector<double> normal;
  std::vector<double> laplace;
  std::vector<double> shared;  // standard normal, that of a run's first point for all of them
  struct {
    std::uint64_t seed = 0, draw = 0;
  } sizes;  // the stream from which the sizes of the noise are drawn
};

// The noise of a parametric world: of a size that the residuals allow, drawn anew in every world.
// `index` is of the stage: each has residuals of its own.
NoiseModel noise_in(const Resample& world, const std::vector<int>& index, const NoiseModel& noise);

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

// The samples of `objective` (row i of which is point index[i], of the run that begins with point
// runs[i]) in one world; `fitted` is the centred optimum of the parametric bootstrap, `noise` that
// around it.
void apply(const Resample& resample, const Objective& objective, const std::vector<int>& index,
           const Theta& fitted, const NoiseModel& noise, const std::vector<int>& runs,
           std::vector<Sample>& out);

// Every point.
std::vector<int> all_indices(const Points& points);

}  // namespace crosslaw::fit
