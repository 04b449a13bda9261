#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "fit/data/points.h"
#include "fit/laws/law.h"

namespace crosslaw::fit {

// Huber(r) = r^2/2 for |r| <= delta, else delta (|r| - delta/2). delta may be infinite.
double huber(double residual, double delta);

// The box of the search in centred coordinates and which coordinates may move at all.
struct SearchBox {
  Theta lower;
  Theta upper;
  std::array<bool, kMaxCoefficients> free{};

  int free_count(int size) const;
};

// The box of a law's straight coordinates. Empty where the law has none, or where a coefficient is
// held: it is one of its own coordinates.
std::optional<SearchBox> straight_box(const Law& law, const SearchBox& box);

// What a fit minimises, sum_i w_i Huber(log predicted - log observed) of one law over samples, and
// the box in which it does. Samples have log N and log D centred on their weighted means, which
// removes most of the correlation between a level and its exponent.
struct Objective {
  const Law* law = nullptr;
  std::vector<Sample> samples;
  double delta = 1e-3;
  double mean_log_params = 0;
  double mean_log_tokens = 0;
  double min_log_loss = 0;
  SearchBox box;

  Theta centred(const Theta& plain) const;
  Theta plain(const Theta& centred) const;
};

// Every coefficient free. Points without complaints (problems() is empty).
Objective make_objective(const Law& law, const Points& points, double delta);

// Holds the named coefficients where a start has them; the rest stay free.
void freeze(Objective& objective, std::span<const std::string_view> names);

// Where a free coordinate stands: at a bound of the box, or E so far below the smallest loss that
// it counts as 0.
enum class Standing { kInside, kAtBound, kNoFloor };
Standing standing(const Objective& objective, const Theta& centred, int i);

// F, dF/dtheta and the two curvature matrices at centred theta.
Sums evaluate(const Objective& objective, const Theta& theta);

// The n x p matrix d log L_i / d theta_j at centred theta, rows in the order of the samples.
Eigen::MatrixXd jacobian(const Objective& objective, const Theta& theta);

// log predicted - log observed for every sample at centred theta.
Eigen::VectorXd residuals(const Objective& objective, const Theta& theta);

}  // namespace crosslaw::fit
