#include "fit/allocate/transfer.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <stdexcept>
#include <vector>

#include "fit/allocate/best_split.h"
#include "fit/laws/law_parts.h"
#include "fit/laws/power_form.h"

namespace crosslaw::fit {
namespace {

using Both = std::function<std::optional<double>(const PowerForm&, const PowerForm&)>;

// The strategy that starts at random, and the one that continues: the first and the last part.
struct Pair {
  LawPart scratch;
  LawPart continued;
};

Pair pair_of(const FitResult& fit) {
  const std::vector<LawPart> parts = parts_of(*fit.law);
  if (parts.size() > 1) return {parts.front(), parts.back()};
  throw std::invalid_argument(fmt::format(
      "transfer needs a fit of both strategies (law 'joint'), not of law '{}'", fit.law->name));
}

PowerForm form_of(const LawPart& part, const Theta& whole) {
  return power_form(*part.law, part_theta(part, whole)).value();
}

void require_positive(const char* what, double value) {
  if (std::isfinite(value) && value > 0) return;
  throw std::invalid_argument(fmt::format("{} = {} must be a finite number above 0", what, value));
}

Estimate over_both(const FitResult& fit, const Both& quantity) {
  const Pair pair = pair_of(fit);
  return estimate(fit, [&](const Theta& theta) {
    return quantity(form_of(pair.scratch, theta), form_of(pair.continued, theta));
  });
}

}  // namespace

std::optional<double> equal_tokens_at(const FitResult& joint, const Theta& theta, double params,
                                      double tokens) {
  const Pair pair = pair_of(joint);
  return equal_loss_tokens(form_of(pair.scratch, theta), form_of(pair.continued, theta), params,
                           tokens);
}

Estimate saved_share_at(const FitResult& joint, double params, double tokens) {
  require_positive("params", params);
  require_positive("tokens", tokens);
  return over_both(joint, [=](const PowerForm& s, const PowerForm& c) {
    const std::optional<double> equal = equal_loss_tokens(s, c, params, tokens);
    return equal ? std::optional(1 - tokens / *equal) : std::nullopt;
  });
}

Estimate transferred_tokens_at(const FitResult& joint, double params, double tokens) {
  require_positive("params", params);
  require_positive("tokens", tokens);
  return over_both(joint, [=](const PowerForm& s, const PowerForm& c) {
    const std::optional<double> equal = equal_loss_tokens(s, c, params, tokens);
    return equal ? std::optional(*equal - tokens) : std::nullopt;
  });
}

Transfer transfer_at(const FitResult& joint, double params, double tokens) {
  require_positive("params", params);
  require_positive("tokens", tokens);
  const auto needed = [=](const PowerForm& s, const PowerForm& c) {
    return equal_loss_tokens(s, c, params, tokens);
  };
  Transfer out;
  out.params = params;
  out.tokens = tokens;
  out.equal_loss_tokens = over_both(joint, needed);
  out.saved_share = saved_share_at(joint, params, tokens);
  out.transferred_tokens = transferred_tokens_at(joint, params, tokens);
  return out;
}

Crossing crossing_at(const FitResult& joint, double params) {
  require_positive("params", params);
  Crossing out;
  out.params = params;
  const Pair pair = pair_of(joint);
  // Losses cross beside the runs, where the draws of runs on a ray agree while the truth is
  // elsewhere.
  out.known = joint.confounded.empty();
  if (!out.known) return out;
  out.continued_better_below =
      form_of(pair.scratch, joint.theta).beta > form_of(pair.continued, joint.theta).beta;
  const bool below = out.continued_better_below;
  // Draws whose data terms are steeper the other way round cross in the other sense: not this one.
  out.tokens = over_both(joint, [=](const PowerForm& s, const PowerForm& c) {
    return (s.beta > c.beta) == below ? crossing_tokens(s, c, params) : std::nullopt;
  });
  return out;
}

BudgetSaving saving_at(const FitResult& joint, double flops, const ComputeModel& compute) {
  require_positive("flops", flops);
  const Pair pair = pair_of(joint);
  // Frontier against frontier: from scratch the same loss is reached at another size, at its best.
  const auto equal = [&](const Theta& theta) -> std::optional<double> {
    const std::optional<Split> best =
        best_split(*pair.continued.law, part_theta(pair.continued, theta), {flops, compute, {}});
    if (!best) return std::nullopt;
    return flops_for_loss(form_of(pair.scratch, theta), best->loss, compute);
  };
  BudgetSaving out;
  out.flops = flops;
  out.equal_loss_flops = estimate(joint, equal);
  out.saved_share = estimate(joint, [&](const Theta& theta) {
    const std::optional<double> needed = equal(theta);
    return needed ? std::optional(1 - flops / *needed) : std::nullopt;
  });
  // Both losses share E, A and the draws: their difference is far better known than either.
  out.loss_difference =
      over_both(joint, [&](const PowerForm& s, const PowerForm& c) -> std::optional<double> {
        const std::optional<Optimum> scratch = optimum(s, flops, compute);
        const std::optional<Optimum> continued = optimum(c, flops, compute);
        if (!scratch || !continued) return std::nullopt;
        return continued->loss - scratch->loss;
      });
  return out;
}

}  // namespace crosslaw::fit
