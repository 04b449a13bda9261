#include "fit/solve/fitter.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include "fit/laws/law_columns.h"
#include "fit/laws/law_variants.h"
#include "fit/laws/laws.h"
#include "fit/solve/stages.h"

namespace crosslaw::fit {

namespace {

FitResult fit_at_once(const Law& law, const Points& points, const FitOptions& options) {
  std::vector<StageCore> stages = fit_stages(law, {whole_of(law)}, points, options);
  add_draws(law, points, options, stages);
  return std::move(stages.front().core.result);
}

// What a fit of the free coefficients says, as a fit of the whole law.
FitResult expanded(const FitResult& free_fit, const Law& law, const ConstrainedLaw& reduced,
                   const std::vector<Constraint>& constraints) {
  FitResult out = free_fit;
  out.law = &law;
  out.theta = reduced.whole(free_fit.theta);
  out.draws.resize(free_fit.draws.rows(), law.size());
  for (Eigen::Index r = 0; r < free_fit.draws.rows(); ++r)
    out.draws.row(r) = reduced.whole(free_fit.draws.row(r).transpose()).transpose();
  // Other optima were told by their free coefficients alone.
  out.certificate.other_optima.clear();
  out.coefficients.assign(law.coefficients.size(), {});
  for (std::size_t k = 0; k < reduced.free.size(); ++k)
    out.coefficients[static_cast<std::size_t>(reduced.free[k])] = free_fit.coefficients[k];
  for (const Constraint& each : constraints) {
    const auto place = static_cast<std::size_t>(law.index(each.coefficient));
    Coefficient& own = out.coefficients[place];
    if (!each.value) own = out.coefficients[static_cast<std::size_t>(law.index(each.tied_to))];
    own.name = each.coefficient;
    own.value = coefficient_value(law.coefficients[place], out.theta[static_cast<int>(place)]);
    own.frozen = true;
    own.held = each.value ? "fixed" : "= " + each.tied_to;
  }
  return out;
}

FitResult fit_constrained(const Law& law, const Points& points, const FitOptions& options) {
  const Objective whole = make_objective(law, points, options.huber_delta);
  const ConstrainedLaw reduced =
      constrained(law, options.constraints, whole.mean_log_params, whole.mean_log_tokens);
  return expanded(fit_at_once(reduced.law, points, options), law, reduced, options.constraints);
}

}  // namespace

const Law& law_of_fit(std::string_view name) {
  return name == kTwoStageLaw ? joint_law() : find_law(name);
}

FitResult fit_law(const Points& points, const FitOptions& options) {
  if (options.law == kTwoStageLaw) return fit_two_stage(points, options);
  require_usable(points, options);
  const Law& law = find_law(options.law);
  if (const std::string why = why_unreadable(law, points); !why.empty()) {
    throw std::invalid_argument(why);
  }
  std::optional<Law> weighted;
  if (options.over_weight != 1) weighted = overestimates_weighted(law, options.over_weight);
  const Law& aimed = weighted ? *weighted : law;
  FitResult result = options.constraints.empty() ? fit_at_once(aimed, points, options)
                                                 : fit_constrained(aimed, points, options);
  result.law = &law;  // the variants of it end here
  result.over_weight = options.over_weight;
  result.compute = fit_compute(points);
  return result;
}

}  // namespace crosslaw::fit
