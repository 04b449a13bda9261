#include "apps/study/fit_residuals.h"

#include <algorithm>
#include <cmath>

namespace crosslaw::apps {

std::vector<FitResidual> fit_residuals(const Observations& observations, const LanguagePair& pair,
                                       const fit::FitResult& fit) {
  std::vector<FitResidual> out;
  const auto add = [&](const std::string& strategy, double replay, fit::Stage stage) {
    for (const Measurement& m : observations.fitted(pair, strategy, replay)) {
      const auto tokens = static_cast<double>(m.tokens);
      const double predicted = fit::predicted_loss(*fit.law, fit.theta, m.params, tokens, stage);
      out.push_back(
          {strategy, m.run->size, m.params, tokens, m.loss, predicted, m.loss / predicted - 1});
    }
  };
  add(pair.scratch, 0, fit::Stage::kScratch);
  if (!pair.continued.empty() && !fit.law->parts.empty())
    add(pair.continued, pair.replay, fit::Stage::kContinued);
  return out;
}

std::vector<ResidualSpread> spread_of(const std::vector<FitResidual>& residuals) {
  std::vector<ResidualSpread> out;
  for (const FitResidual& each : residuals) {
    auto found = std::find_if(out.begin(), out.end(), [&](const ResidualSpread& spread) {
      return spread.strategy == each.strategy;
    });
    if (found == out.end()) found = out.insert(out.end(), {each.strategy, 0, 0});
    ++found->points;
    found->rms += each.residual * each.residual;  // a sum until all are seen
  }
  for (ResidualSpread& each : out)
    each.rms = std::sqrt(each.rms / static_cast<double>(each.points));
  return out;
}

}  // namespace crosslaw::apps
