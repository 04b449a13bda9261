#pragma once

#include <Eigen/Core>
#include <memory>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/objective.h"
#include "fit/solve/random.h"

namespace crosslaw::fit {

// What a fit by least squares leaves of noise: its coefficients take the rest.
struct LeftOver {
  Eigen::MatrixXd reach;        // orthonormal basis of what they can take of weighted losses
  Eigen::VectorXd root_weight;  // of every sample
  double expected = 0;          // sum of squares that standard noise leaves on average

  // Sum of squares that this noise leaves, over the expected one.
  double share(const Eigen::VectorXd& noise) const;
};

// The noise of log losses around a fit. Its size is itself an estimate, from as many degrees of
// freedom as runs are left over when the coefficients are fitted; with few of them that is what
// makes an interval wide (Student's t in place of the normal law).
struct NoiseModel {
  bool laplace = false;  // the noise of a point, else normal
  double point_sd = 0;   // standard deviation of what every point has on its own
  double freedom = 0;    // degrees of freedom behind it
  double run_sd = 0;     // standard deviation of what the points of one run share, normal
  double run_freedom = 0;
  double per_run = 0;  // points of a run, on average; 0: every point is a run
  std::shared_ptr<const LeftOver> left_over;  // of normal noise where every point is a run
  // Scale of one standard variate of random.h: of the Laplace law sd / sqrt(2).
  double point_scale() const;
  // The noise of one new run.
  double deviation() const;
  // Noise of another size that the same residuals allow: with s^2 from nu degrees of freedom,
  // sigma^2 = s^2 nu / chi^2_nu (the fiducial law; Fisher 1935), likewise of both mean squares of
  // runs.
  NoiseModel drawn(Random& random) const;
  // The size with which noise of this shape leaves what the fit has left: sigma^2 as in drawn(),
  // but with the chi^2 of the very noise that a world has. The errors of a robust fit move with its
  // residuals, so both must come from the same drawn noise (Fraser 1968, "The structure of
  // inference"). `standard`: of every sample; needs left_over.
  NoiseModel scaled_to(const Eigen::VectorXd& standard) const;
};

// From the residuals at centred theta. `runs`: of every sample the id of its run; empty: every
// sample is one. The two parts come from the analysis of variance of residuals by
// run, with degrees of freedom that know what the fit has taken off (Searle, Casella and McCulloch
// 1992, chapter 5).
NoiseModel fit_noise(const Objective& objective, const Theta& theta,
                     const std::vector<int>& runs = {});

// Fewer degrees of freedom tell nothing of the size of the noise.
inline constexpr double kFewestFreedom = 2;

// A run is known by its first point. `index`: the points of a stage.
struct Runs {
  std::vector<int> of;     // of every sample of the stage, that first point; empty: each is a run
  bool suspected = false;  // nothing names the runs, but residuals tell
};

// The runs of a stage: those named by clusters of several points. Where no point has a cluster,
// points of one size at three or more different token counts, which may be losses read along a run
// or runs of a grid (most points must be of such sizes): a run if their residuals have more in
// common than chance gives (F test, 5 %).
Runs runs_of(const Points& points, const std::vector<int>& index, const Objective& objective,
             const Theta& centred);

}  // namespace crosslaw::fit
