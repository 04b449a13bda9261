#include "sweep/plan/plan_doubts.h"

#include <fmt/format.h>

#include <algorithm>

namespace crosslaw::sweep {
namespace {

// Published sweeps peak at 2e-2 and below, the tiny models of the demo at 0.02; searches go
// further.
constexpr double kHighestRate = 0.5;
constexpr double kMostTokensPerParam = 1e6;  // over-trained toys see as many
constexpr int64_t kBytes = 256;

}  // namespace

std::vector<std::string> doubts_about(const SweepSpec& spec, const Plan& plan) {
  std::vector<std::string> out;
  double rate = 0, per_param = 0;
  for (const PlannedRun& run : plan.runs) {
    rate = std::max(rate, run.recipe.schedule.peak_learning_rate);
    per_param = std::max(per_param, run.tokens_per_param);
  }
  if (rate > kHighestRate) {
    out.push_back(
        fmt::format("train: learning rates go up to {:.3g}; training diverges far below", rate));
  }
  if (per_param > kMostTokensPerParam) {
    out.push_back(
        fmt::format("budget: up to {:.3g} tokens a parameter, where models see 1 to "
                    "100,000; tokens written for tokens per parameter?",
                    per_param));
  }
  if (spec.tokenizer == "bytes" && spec.vocabulary > 2 * kBytes) {
    out.push_back(
        fmt::format("ladder.vocabulary = {}: data.tokenizer \"bytes\" has {} tokens, and "
                    "the other {} rows of embedding and head never train",
                    spec.vocabulary, kBytes, spec.vocabulary - kBytes));
  }
  return out;
}

}  // namespace crosslaw::sweep
