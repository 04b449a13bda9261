#include "fit/allocate/best_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/laws/law_columns.h"
#include "fit/laws/power_form.h"

namespace crosslaw::fit {
namespace {

// Far beyond any model: an optimum outside of this is none, but a law that never turns.
constexpr double kLowest = -13.8;  // log N: 1e-6 parameters
constexpr double kHighest = 78.3;  // 1e34 parameters
// Loss curves bend over a decade or more of N, so that half an e-fold cannot step over a minimum.
constexpr double kStep = 0.5;  // of the first look along the budget
constexpr double kTolerance = 1e-10;
constexpr double kWidest = 100;     // e-folds that a flat band may reach to either side
constexpr double kTouching = 1e-6;  // log N this near to a limit is at it

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// log L as a function of log N along one budget, and how far log N may go.
class Line {
 public:
  Line(const Law& law, const Theta& theta, const Budget& budget)
      : law_(law), theta_(theta), budget_(budget) {
    if (budget.limits.max_params) high_ = std::min(high_, std::log(*budget.limits.max_params));
  }

  double tokens(double x) const {
    return log_tokens(budget_, budget_.compute.log_flops_per_token(x));
  }
  double operator()(double x) const {
    const double y = tokens(x);
    return std::isfinite(y) ? log_loss_at(law_, theta_, budget_.limits, x, y) : kInfinity;
  }
  double high() const { return high_; }
  bool capped() const { return high_ < kHighest; }
  // Where the whole budget buys exactly max_tokens: the loss has a kink there.
  std::optional<double> kink() const {
    if (!budget_.limits.max_tokens) return std::nullopt;
    const double tokens = *budget_.limits.max_tokens + budget_.limits.inference_tokens / 3;
    return budget_.compute.log_params(std::log(budget_.flops) - std::log(tokens));
  }

 private:
  const Law& law_;
  const Theta& theta_;
  const Budget& budget_;
  double high_ = kHighest;
};

// Golden section and no derivative: the loss has a kink where a cap on the tokens starts to bind.
double golden_section(const Line& line, double low, double high) {
  static const double kGolden = 0.5 * (std::sqrt(5.0) - 1);
  double a = high - kGolden * (high - low);
  double b = low + kGolden * (high - low);
  double at_a = line(a);
  double at_b = line(b);
  while (high - low > kTolerance) {
    if (at_a <= at_b) {  // also where serving the model leaves nothing at either
      high = b;
      b = a;
      at_b = at_a;
      a = high - kGolden * (high - low);
      at_a = line(a);
    } else {
      low = a;
      a = b;
      at_a = at_b;
      b = low + kGolden * (high - low);
      at_b = line(b);
    }
  }
  return 0.5 * (low + high);
}

struct Searched {
  std::optional<double> log_params;
  bool smaller_is_better = false;  // why there is none; else larger is
};

// A first look over the whole range, then golden section around its least value.
Searched search(const Line& line) {
  double best = kLowest;
  double least = kInfinity;
  for (double x = kLowest; x < line.high() + kStep; x += kStep) {
    const double here = std::min(x, line.high());
    const double value = line(here);
    if (value < least) {
      best = here;
      least = value;
    }
  }
  // The least value at an end of the whole range means that the loss falls on for ever.
  if (!(line(kLowest) > least)) return {std::nullopt, true};
  if (!line.capped() && !(line(line.high()) > least)) return {std::nullopt, false};
  const double found =
      golden_section(line, std::max(best - kStep, kLowest), std::min(best + kStep, line.high()));
  // The search stops within a rounding of a cap or kink; the answer shall be the cap itself.
  if (line.capped() && line.high() - found < kTouching) return {line.high()};
  const std::optional<double> kink = line.kink();
  if (kink && *kink <= line.high() && std::abs(*kink - found) < kTouching) return {*kink};
  return {found};
}

Split split_at(const Line& line, const Budget& budget, double log_params) {
  const Limits& limits = budget.limits;
  Split out;
  out.params = std::exp(log_params);
  out.tokens = std::exp(line.tokens(log_params));
  out.loss = std::exp(line(log_params));
  const double spent = std::exp(budget.compute.log_flops_per_token(log_params)) *
                       (out.tokens + limits.inference_tokens / 3);
  out.unused_share = std::max(0.0, 1 - spent / budget.flops);
  if (out.unused_share < kTouching) out.unused_share = 0;
  out.at_max_params = limits.max_params && out.params > *limits.max_params * (1 - kTouching);
  out.at_max_tokens = limits.max_tokens && out.tokens > *limits.max_tokens * (1 - kTouching);
  return out;
}

// The optimum without limits of a law of closed form; whether it also is the optimum with them.
std::optional<Split> closed_form(const Law& law, const Theta& theta, const Budget& budget) {
  // Served tokens add a term to the budget that the closed form does not know; caps that do not
  // bind leave it as it is, for the loss along the budget has a single minimum.
  if (budget.limits.inference_tokens > 0) return std::nullopt;
  const std::optional<PowerForm> form = power_form(law, theta);
  if (!form) return std::nullopt;
  const std::optional<Optimum> best = optimum(*form, budget.flops, budget.compute);
  if (!best) return std::nullopt;
  if (budget.limits.max_params && best->params > *budget.limits.max_params) return std::nullopt;
  if (budget.limits.max_tokens && best->tokens > *budget.limits.max_tokens) return std::nullopt;
  return Split{best->params, best->tokens, best->loss, 0, false, false};
}

// Where log L exceeds `limit`, going from `from` towards `end`; `end` where it never does.
double edge(const Line& line, double from, double end, double limit) {
  // Ever longer strides until the limit is crossed: flat bands may span decades. Then bisection.
  double inside = from;
  double reach = end > from ? 0.25 : -0.25;
  for (;; reach *= 2) {
    double outside = from + reach;
    if (std::abs(reach) >= std::abs(end - from)) outside = end;
    if (line(outside) > limit) {
      while (std::abs(outside - inside) > kTolerance) {
        const double middle = 0.5 * (inside + outside);
        (line(middle) <= limit ? inside : outside) = middle;
      }
      return inside;
    }
    if (outside == end) return end;
    inside = outside;
  }
}

}  // namespace

std::vector<std::string> problems(const Limits& limits) {
  std::vector<std::string> out;
  const auto check = [&](const char* name, const std::optional<double>& value) {
    if (!value || (std::isfinite(*value) && *value >= 1)) return;
    out.push_back(fmt::format("{} = {} must be a finite number, at least 1", name, *value));
  };
  check("max_params", limits.max_params);
  check("max_tokens", limits.max_tokens);
  check("unique_tokens", limits.unique_tokens);
  if (!(std::isfinite(limits.inference_tokens) && limits.inference_tokens >= 0)) {
    out.push_back(fmt::format("inference_tokens = {} must be a finite number, at least 0",
                              limits.inference_tokens));
  }
  return out;
}

double log_tokens(const Budget& budget, double log_flops_per_token) {
  double out = std::log(budget.flops) - log_flops_per_token;
  // Serving costs a third of a training token each: what is left buys training tokens, if any.
  if (budget.limits.inference_tokens > 0) {
    const double left = std::exp(out) - budget.limits.inference_tokens / 3;
    out = left > 0 ? std::log(left) : -kInfinity;
  }
  return budget.limits.max_tokens ? std::min(out, std::log(*budget.limits.max_tokens)) : out;
}

bool any(const Limits& limits) {
  return limits.max_params || limits.max_tokens || limits.unique_tokens ||
         limits.inference_tokens > 0;
}

bool knows_repetition(const Law& law) { return law.depends_on(Axis::kRepeats); }

double log_loss_at(const Law& law, const Theta& theta, const Limits& limits, double log_params,
                   double log_tokens) {
  Sample sample{log_params, log_tokens, 0, 1};
  if (limits.unique_tokens) {
    sample.log_unique_share = std::min(0.0, std::log(*limits.unique_tokens) - log_tokens);
  }
  return law.log_loss(theta.data(), sample, nullptr);
}

std::optional<Split> best_split(const Law& law, const Theta& theta, const Budget& budget) {
  if (!why_more_than_size_and_tokens(law).empty()) return std::nullopt;
  if (std::optional<Split> closed = closed_form(law, theta, budget)) return closed;
  const Line line(law, theta, budget);
  const Searched found = search(line);
  if (!found.log_params) return std::nullopt;
  return split_at(line, budget, *found.log_params);
}

std::string why_no_split(const Law& law, const Theta& theta, const Budget& budget) {
  if (std::string why = why_more_than_size_and_tokens(law); !why.empty()) return why;
  if (best_split(law, theta, budget)) return "";
  if (const std::optional<PowerForm> form = power_form(law, theta)) {
    const std::string why = why_no_optimum(*form, budget.compute);
    if (!why.empty()) return why;
  }
  const Line line(law, theta, budget);
  if (!std::isfinite(line(kLowest))) {
    return fmt::format("serving {:.4g} tokens alone costs more than C = {:.4g} at every size",
                       budget.limits.inference_tokens, budget.flops);
  }
  const bool smaller = search(line).smaller_is_better;
  return fmt::format(
      "at C = {:.4g} the law has its least loss at no size from 1e-6 to 1e34: {}", budget.flops,
      smaller ? "smaller models are never worse" : "larger models are always better");
}

Range flat_band(const Law& law, const Theta& theta, const Budget& budget, const Split& best,
                double share) {
  const Line line(law, theta, budget);
  const double centre = std::log(best.params);
  const double limit = std::log(best.loss) + std::log1p(share);
  // A closed form may have its optimum beyond what a search looks at; its band is around it.
  const double low = std::min(kLowest, centre - kWidest);
  const double high = line.capped() ? line.high() : std::max(kHighest, centre + kWidest);
  return {std::exp(edge(line, centre, low, limit)), std::exp(edge(line, centre, high, limit))};
}

}  // namespace crosslaw::fit
