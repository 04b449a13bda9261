#pragma once

#include <optional>
#include <span>

#include "fit/solve/objective.h"

namespace crosslaw::fit {

// Where one Newton step from the optimum leads when some samples are left out: the infinitesimal
// jackknife with the Hessian of the samples that stay. It costs the sums of the samples left out,
// not a refit, and is off by the square of the change; kinks of the Huber function within the step
// are not seen. Meant for a few samples of many.
class OneStep {
 public:
  // `optimum` is centred.
  OneStep(const Objective& objective, const Theta& optimum);

  struct Change {
    Theta theta;           // of centred coordinates; the frozen ones as they were given
    double objective = 0;  // of the samples that stay, less the objective of all at the optimum
  };

  // Coordinates that are frozen change by what `frozen` says, those at a bound not at all. Empty
  // where the samples that stay have no minimum near by.
  std::optional<Change> without(std::span<const Sample> left_out, const Theta& frozen) const;

 private:
  const Law& law_;
  double delta_;
  Theta optimum_;
  Sums all_;
  std::vector<int> movable_;
};

}  // namespace crosslaw::fit
