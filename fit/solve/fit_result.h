#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fit/data/points.h"
#include "fit/laws/compute_model.h"
#include "fit/laws/law.h"
#include "fit/solve/spread.h"
#include "fit/solve/verdict.h"

namespace crosslaw::fit {

// Plain malloc and free, so that programs compiled for wider vectors than this library may own one.
using DrawMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::DontAlign>;

enum class Resampling {
  kAuto,        // one of the others, by the number of runs (see chosen_resampling)
  kPairs,       // points, with replacement
  kClusters,    // whole runs, with replacement
  kParametric,  // new losses: the fitted law times noise as around the fit, its size uncertain
};

std::string_view name_of(Resampling kind);
// Throws std::invalid_argument naming the known kinds.
Resampling find_resampling(std::string_view name);

// One coefficient as users read it (not a log, not centred). se and ci95 are absent when there was
// no bootstrap.
struct Coefficient {
  std::string name;
  double value = 0;
  std::optional<double> se;
  std::optional<Range> ci95;
  bool frozen = false;           // not fitted: taken over from another fit, or held by a constraint
  std::string held;              // by which: "fixed", "= alpha"
  std::optional<double> log_se;  // of its log, for E, A and B: of use where se exceeds the value
  bool identifiable = true;      // known or weakly known
  Verdict verdict;
};

// A quantity that a law's coefficients imply, such as Kaplan's N_c.
struct Derived {
  std::string name;
  double value = 0;
  std::optional<double> se;
  std::optional<Range> ci95;
};

// Another stationary point that starts ended at.
struct OtherOptimum {
  double objective = 0;
  int starts = 0;
  std::vector<double> coefficients;
};

// What the solver can vouch for.
struct Certificate {
  double gradient_norm = 0;   // largest |dF/dtheta_j|, centred coordinates, bounds respected
  double gradient_scale = 0;  // sum of |terms| of such a gradient: the norm is small against it
  int starts = 0;
  int starts_at_best = 0;  // stationary at the best objective (to 1e-8)
  int starts_unfinished = 0;
  int points_searched = 0;     // all of them, or of many points a part
  double condition = 0;        // of the centred Jacobian, columns scaled to one; infinite possible
  double quadratic_share = 0;  // share of residuals with |r| <= delta
  double rms_log_residual = 0;
  std::vector<OtherOptimum> other_optima;
  std::vector<std::string> at_bound;  // names of coefficients
};

struct BootstrapRecord {
  Resampling kind = Resampling::kPairs;
  std::string reason;  // why this kind, in words; empty: it was asked for
  std::uint64_t seed = 1;
  int draws = 0;   // refits that reached an optimum: the rows of FitResult::draws
  int failed = 0;  // refits that did not, left out
  std::vector<std::string> at_bound;  // coefficients at a bound in more than 2.5 % of the draws
};

// How far the log loss of a new run lies from the law, in each draw of the parametric bootstrap.
struct NewRunNoise {
  bool laplace = false;           // else normal
  std::vector<double> deviation;  // standard deviations, one a draw; empty: of another bootstrap
};

// How N and C were counted and what the loss is in, in words; empty: not known.
struct Convention {
  std::string params;   // such as the columns that make N
  std::string compute;  // such as "6ND" or the column of measured FLOPs
  std::string loss;     // such as "column loss, nats"
};

struct FitResult {
  const Law* law = nullptr;
  std::string method = "one-stage";  // or "two-stage" (law joint, E, A, alpha from scratch alone)
  int points = 0;
  double huber_delta = 0;
  bool auto_delta = false;  // it was chosen on the data
  double over_weight = 1;   // of points that the law overestimates
  double objective = 0;     // sum over points of weight * Huber(log predicted - log observed)
  bool converged = false;
  bool identifiable = false;  // every coefficient is
  // Why the points cannot tell the terms of the law apart, whatever their losses; empty: they can.
  // Without it N* may be known although a coefficient is not.
  std::string confounded;
  Theta theta;  // plain coordinates: logs of the levels, exponents as they are
  std::vector<Coefficient> coefficients;
  Certificate certificate;
  BootstrapRecord bootstrap;
  Convention convention;
  std::optional<ComputeModel> compute;      // of the points with measured compute; absent: 6 N D
  std::optional<DataRange> measured_range;  // absent when coefficients were typed in by hand
  std::vector<std::string> problems;        // plain sentences, the gravest first
  DrawMatrix draws;                         // one bootstrap theta (plain coordinates) a row
  // Of a fit made one part of its law after the other, each part's; draws of equal rows.
  std::vector<FitResult> stages;
  NewRunNoise new_run;  // rows of `draws`; not in JSON, a new run is predicted from the points

  std::vector<Derived> derived() const;
  const Coefficient& coefficient(std::string_view name) const;  // throws std::invalid_argument
  double value(std::string_view name) const { return coefficient(name).value; }
  // What C means: as measured, else C = 6ND.
  ComputeModel compute_model() const { return compute.value_or(ComputeModel{}); }
};

// A result with given values and nothing else: no certificate, no draws, no range.
FitResult from_values(const Law& law, const std::vector<double>& values);

// `quantity` at the optimum, and its spread over the draws of the fit.
Estimate estimate(const FitResult& fit,
                  const std::function<std::optional<double>(const Theta&)>& quantity);

}  // namespace crosslaw::fit
