#include "fit/allocate/transfer.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"

namespace crosslaw::fit {
namespace {

using Both = std::function<std::optional<double>(const PowerForm&, const PowerForm&)>;

void require_joint(const FitResult& fit) {
  if (fit.law == &joint_law()) return;
  throw std::invalid_argument(fmt::format(
      "transfer needs a fit of both strategies (law 'joint'), not of law '{}'", fit.law->name));
}

void require_positive(const char* what, double value) {
  if (std::isfinite(value) && value > 0) return;
  throw std::invalid_argument(fmt::format("{} = {} must be a finite number above 0", what, value));
}

Estimate over_both(const FitResult& joint, const Both& quantity) {
  return estimate(joint, [&](const Theta& theta) {
    return quantity(*power_form(*joint.law, theta, Stage::kScratch),
                    *power_form(*joint.law, theta, Stage::kContinued));
  });
}

std::optional<double> scratch_flops(const PowerForm& scratch, const PowerForm& continued,
                                    double flops, const ComputeModel& compute) {
  const std::optional<Optimum> best = optimum(continued, flops, compute);
  if (!best) return std::nullopt;
  return flops_for_loss(scratch, best->loss, compute);
}

}  // namespace

Estimate saved_share_at(const FitResult& joint, double params, double tokens) {
  require_joint(joint);
  require_positive("params", params);
  require_positive("tokens", tokens);
  return over_both(joint, [=](const PowerForm& s, const PowerForm& c) {
    const std::optional<double> equal = equal_loss_tokens(s, c, params, tokens);
    return equal ? std::optional(1 - tokens / *equal) : std::nullopt;
  });
}

Transfer transfer_at(const FitResult& joint, double params, double tokens) {
  require_joint(joint);
  require_positive("params", params);
  require_positive("tokens", tokens);
  const auto needed = [=](const PowerForm& s, const PowerForm& c) {
    return equal_loss_tokens(s, c, params, tokens);
  };
  Transfer out;
  out.params = params;
  out.tokens = tokens;
  out.scratch_loss = over_both(joint, [=](const PowerForm& s, const PowerForm&) {
    return std::optional(s.loss(params, tokens));
  });
  out.continued_loss = over_both(joint, [=](const PowerForm&, const PowerForm& c) {
    return std::optional(c.loss(params, tokens));
  });
  out.equal_loss_tokens = over_both(joint, needed);
  out.saved_share = saved_share_at(joint, params, tokens);
  out.transferred_tokens = over_both(joint, [=](const PowerForm& s, const PowerForm& c) {
    const std::optional<double> equal = needed(s, c);
    return equal ? std::optional(*equal - tokens) : std::nullopt;
  });
  return out;
}

Crossing crossing_at(const FitResult& joint, double params) {
  require_joint(joint);
  require_positive("params", params);
  Crossing out;
  out.params = params;
  out.continued_better_below = joint.value("beta") > joint.value("beta_continued");
  const bool below = out.continued_better_below;
  out.tokens = over_both(joint, [=](const PowerForm& s, const PowerForm& c) {
    return (s.beta > c.beta) == below ? crossing_tokens(s, c, params) : std::nullopt;
  });
  return out;
}

BudgetSaving saving_at(const FitResult& joint, double flops, const ComputeModel& compute) {
  require_joint(joint);
  require_positive("flops", flops);
  const auto equal = [&](const PowerForm& s, const PowerForm& c) {
    return scratch_flops(s, c, flops, compute);
  };
  BudgetSaving out;
  out.flops = flops;
  out.equal_loss_flops = over_both(joint, equal);
  out.saved_share = over_both(joint, [&](const PowerForm& s, const PowerForm& c) {
    const std::optional<double> needed = equal(s, c);
    return needed ? std::optional(1 - flops / *needed) : std::nullopt;
  });
  return out;
}

}  // namespace crosslaw::fit
