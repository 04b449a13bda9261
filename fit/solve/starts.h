#pragma once

#include <cstdint>
#include <vector>

#include "fit/solve/objective.h"

namespace crosslaw::fit {

// Start points in centred coordinates, a pure function of the objective and the seed. Half of them
// are the best of many, with low-discrepancy exponents and, where the law is a sum of terms, the
// non-negative least-squares levels for these (variable projection); the other half split the loss
// between the terms at random, so that agreement of the starts says something. Frozen coordinates
// keep their value in `fixed`; threads (0: one a core) never change a result.
std::vector<Theta> make_starts(const Objective& objective, const Theta& fixed, int count,
                               std::uint64_t seed, int threads = 0);

// x >= 0 that minimises |basis x - target|^2, for at most a handful of columns: every set of
// columns is tried.
Eigen::VectorXd non_negative_least_squares(const Eigen::MatrixXd& basis,
                                           const Eigen::VectorXd& target);

}  // namespace crosslaw::fit
