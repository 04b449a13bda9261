#include "apps/study/law_savings.h"

#include <cmath>

#include "fit/allocate/transfer.h"

namespace crosslaw::apps {
namespace {

constexpr int kSteps = 9;  // numbers of tokens a size

}  // namespace

std::vector<LawSaving> law_savings(const fit::FitResult& joint) {
  std::vector<LawSaving> out;
  if (!joint.measured_range) return out;
  const fit::Range &params = joint.measured_range->params,
                   &ratio = joint.measured_range->tokens_per_param;
  for (const double n : {params.low, std::sqrt(params.low * params.high), params.high}) {
    for (int i = 0; i < kSteps; ++i) {
      const double share = static_cast<double>(i) / (kSteps - 1);
      const double tokens = n * ratio.low * std::pow(ratio.high / ratio.low, share);
      out.push_back({n, tokens, tokens / n, fit::saved_share_at(joint, n, tokens),
                     fit::transferred_tokens_at(joint, n, tokens)});
    }
  }
  return out;
}

}  // namespace crosslaw::apps
