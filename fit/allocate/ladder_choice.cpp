#include "fit/allocate/ladder_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace crosslaw::fit {
namespace {

struct Bought {
  double log_tokens;
  double log_loss;
};

// Empty for a size that is too large or whose serving alone costs the budget.
std::optional<Bought> buy(const Law& law, const Theta& theta, const Budget& budget,
                          const LadderSize& size) {
  if (budget.limits.max_params && size.params > *budget.limits.max_params) return std::nullopt;
  const double x = std::log(size.params);
  const double cost = size.flops_per_token ? std::log(*size.flops_per_token)
                                           : budget.compute.log_flops_per_token(x);
  const double y = log_tokens(budget, cost);
  if (!std::isfinite(y)) return std::nullopt;
  return Bought{y, log_loss_at(law, theta, budget.limits, x, y)};
}

}  // namespace

std::vector<std::string> problems(const std::vector<LadderSize>& ladder) {
  std::vector<std::string> out;
  for (const LadderSize& size : ladder) {
    const double per_token = size.flops_per_token.value_or(1);
    if (std::isfinite(size.params) && size.params > 0 && std::isfinite(per_token) &&
        per_token > 0) {
      continue;
    }
    out.push_back(fmt::format(
        "ladder size '{}': params = {} and flops_per_token = {} must be "
        "finite and above 0",
        size.name, size.params, size.flops_per_token ? fmt::format("{}", per_token) : "-"));
  }
  return out;
}

std::optional<std::size_t> best_size(const Law& law, const Theta& theta, const Budget& budget,
                                     const std::vector<LadderSize>& ladder) {
  std::optional<std::size_t> best;
  double least = 0;
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    const std::optional<Bought> bought = buy(law, theta, budget, ladder[i]);
    if (!bought || (best && !(bought->log_loss < least))) continue;
    best = i;
    least = bought->log_loss;
  }
  return best;
}

std::vector<LadderChoice> ladder_choices(const Law& law, const Theta& theta, const Budget& budget,
                                         const std::vector<LadderSize>& ladder,
                                         const std::vector<std::optional<std::size_t>>& chosen,
                                         double least, double flat_share) {
  const std::optional<std::size_t> best = best_size(law, theta, budget, ladder);
  if (!best) return {};
  const double limit = buy(law, theta, budget, ladder[*best])->log_loss + std::log1p(flat_share);
  std::vector<LadderChoice> out;
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    const std::optional<Bought> bought = buy(law, theta, budget, ladder[i]);
    if (!bought) continue;
    const auto times = std::count(chosen.begin(), chosen.end(), std::optional(i));
    const bool as_good = bought->log_loss <= limit;
    if (!as_good && times == 0) continue;
    LadderChoice choice{ladder[i], std::exp(bought->log_tokens), std::exp(bought->log_loss)};
    choice.excess = choice.loss / least - 1;
    if (!chosen.empty()) {
      choice.draws_share = static_cast<double>(times) / static_cast<double>(chosen.size());
    }
    choice.as_good = as_good;
    out.push_back(std::move(choice));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const LadderChoice& a, const LadderChoice& b) { return a.loss < b.loss; });
  return out;
}

}  // namespace crosslaw::fit
