#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/laws/law.h"

// Laws made of other laws: with fewer coefficients, or with another weight for overestimates.
namespace crosslaw::fit {

// A condition on a coefficient of a law: its value, or the coefficient that it is equal to.
struct Constraint {
  std::string coefficient;
  std::optional<double> value;  // as users write it: E = 1.6, not its log
  std::string tied_to;          // instead of a value
};

// "E = 1.6", "beta = alpha".
std::string describe(const Constraint& constraint);

// What is wrong with constraints on a law: an unknown name, one coefficient twice, a tie of
// different kinds (a level and an exponent) or to a coefficient that is constrained itself, a level
// that is not above 0, nothing left to fit.
std::vector<std::string> problems(const Law& law, const std::vector<Constraint>& constraints);

// A law whose coefficients are those of another that are left to be fitted.
struct ConstrainedLaw {
  Law law;                // named as the other; of samples centred where it was made for
  std::vector<int> free;  // places of its coefficients in the whole law
  Eigen::MatrixXd plain;  // whole theta = plain * free theta + plain_offset, both uncentred
  Eigen::VectorXd plain_offset;

  Theta whole(const Theta& free_theta) const { return plain * free_theta + plain_offset; }
};

// `law` must outlive the result. Constraints without problems. A fixed level is another number
// after centring, so the law holds for samples with their origin at these means alone. Exact: in
// logs of levels all constraints are linear, also in centred coordinates.
ConstrainedLaw constrained(const Law& law, const std::vector<Constraint>& constraints,
                           double mean_log_params, double mean_log_tokens);

// `law` (which must outlive the result) where a predicted loss above the observed one weighs
// `over_weight` times as much: with large weights the fit follows the lower edge of the points,
// which are never better than a well-tuned run (an expectile of order 1/(1 + over_weight) where
// residuals are squared, Newey and Powell 1987).
Law overestimates_weighted(const Law& law, double over_weight);

}  // namespace crosslaw::fit
