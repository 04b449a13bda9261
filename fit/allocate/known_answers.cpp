#include "fit/allocate/known_answers.h"

#include "fit/allocate/best_split.h"
#include "fit/laws/law_columns.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {

Verdict verdict_of_params(const FitResult& fit, const Estimate& params) {
  if (!fit.confounded.empty()) return {Knowledge::kNotKnown, fit.confounded};
  // Without draws the coefficients speak for it.
  if (fit.draws.rows() == 0 && !fit.identifiable) {
    return {Knowledge::kNotKnown,
            fit.problems.empty() ? "the fit is not identifiable" : fit.problems.front()};
  }
  if (!params.value) {
    std::string never = why_more_than_size_and_tokens(*fit.law);
    return {Knowledge::kNotKnown, never.empty() ? "the law has no optimum at this compute" : never};
  }
  return verdict_of_split("N*", params);
}

std::vector<KnownAnswer> known_answers(const FitResult& fit) {
  std::vector<KnownAnswer> out;
  if (!fit.measured_range) return out;
  for (const StrategyFit& each : strategy_fits(fit)) {
    const FitResult& own = each.fit;
    if (!own.measured_range) continue;
    const Budget budget{own.measured_range->flops.high, fit.compute_model(), {}};
    const auto of_split = [&](double Split::*which) {
      return estimate(own, [&](const Theta& theta) -> std::optional<double> {
        const std::optional<Split> best = best_split(*own.law, theta, budget);
        return best ? std::optional((*best).*which) : std::nullopt;
      });
    };
    KnownAnswer params{labelled(each.name, "N*"), budget.flops, of_split(&Split::params), {}};
    params.verdict = verdict_of_params(own, params.spread);
    KnownAnswer loss{labelled(each.name, "loss"), budget.flops, of_split(&Split::loss), {}};
    loss.verdict =
        params.verdict.usable() ? verdict_of_loss("the loss", loss.spread) : params.verdict;
    out.push_back(std::move(params));
    out.push_back(std::move(loss));
  }
  return out;
}

}  // namespace crosslaw::fit
