#include "apps/study/allocation_choices.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

namespace crosslaw::apps {
namespace {

// A stored fit under the exact compute of the runs: the coefficients do not depend on it.
void count_exact_flops(NamedFit& named, const Observations& observations,
                       const LanguagePair& pair) {
  const fit::Points points = observations.points(pair, PointChoice::kAll, true);
  fit::FitResult& fit = named.fit;
  fit.compute = fit::fit_compute(points);
  fit.convention = convention_of(observations, true);
  if (fit.measured_range && !points.empty())
    fit.measured_range->flops = fit::coverage(points).flops;
  for (fit::FitResult& stage : fit.stages) {
    if (stage.measured_range) stage.measured_range->flops = fit.measured_range->flops;
  }
}

}  // namespace

const NamedFit* fit_to_allocate(const PairFits& pair, const std::string& law) {
  if (law == "chinchilla") return pair.named("scratch");
  return pair.named(law.empty() ? pair.choice.name : law);
}

std::vector<SweepAllocation> sweep_allocations(const Observations& observations,
                                               const std::vector<PairFits>& fits,
                                               const std::string& law, bool exact_flops) {
  std::vector<SweepAllocation> out;
  for (const PairFits& pair : fits) {
    const NamedFit* stored = fit_to_allocate(pair, law);
    if (!stored) continue;
    out.push_back({*stored, law.empty() ? pair.choice.reason : "as asked for",
                   default_budgets(observations, pair.pair, exact_flops),
                   ladder_of(observations, exact_flops)});
    if (exact_flops) count_exact_flops(out.back().fit, observations, pair.pair);
  }
  return out;
}

std::vector<double> default_budgets(const Observations& observations, const LanguagePair& pair,
                                    bool exact_flops) {
  double high = 0;
  const ComputeCount count = exact_flops ? ComputeCount::kExact : ComputeCount::kSixNd;
  for (const Measurement& m : observations.of_strategy(pair.scratch, 0))
    high = std::max(high, m.flops_of(count));
  std::vector<double> budgets;
  if (high <= 0) return budgets;
  for (int decade = static_cast<int>(std::floor(std::log10(high))) - 1;
       budgets.empty() || budgets.back() < 10 * high; ++decade) {
    for (double step : {1.0, 2.0, 5.0}) {
      double budget = step * std::pow(10.0, decade);
      if (budget >= high / 5 && budget <= 10 * high) budgets.push_back(budget);
      if (budget > 10 * high) return budgets;
    }
  }
  return budgets;
}

std::vector<fit::LadderSize> ladder_of(const Observations& observations, bool exact_flops) {
  std::vector<fit::LadderSize> sizes;
  std::set<std::string> seen;
  for (const db::RunResultRow& run : observations.runs()) {
    if (!seen.insert(run.size).second) continue;
    sizes.push_back({run.size, params_of(run, observations.count()), std::nullopt});
    const auto tokens = static_cast<double>(run.tokens_target + run.tokens_source);
    if (exact_flops && run.flops > 0 && tokens > 0)
      sizes.back().flops_per_token = run.flops / tokens;
  }
  return sizes;
}

}  // namespace crosslaw::apps
