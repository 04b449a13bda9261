#include "sweep/plan/learning_rates.h"

#include <cmath>

#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {

double peak_learning_rate(const TrainingSpec& train, const trainer::ModelShape& shape,
                          int64_t batch_tokens, int64_t steps) {
  const auto batch = static_cast<double>(batch_tokens);
  const double tokens = batch * static_cast<double>(steps);
  const trainer::ParameterCount count = trainer::count_parameters(shape);
  switch (train.rate_rule) {
    case RateRule::kOverHidden:
      return train.learning_rate_times_hidden / static_cast<double>(shape.hidden);
    case RateRule::kStepLaw:
      return train.learning_rate_factor * 1.79 *
             std::pow(static_cast<double>(count.blocks + count.norms), -0.713) *
             std::pow(tokens, 0.307);
    case RateRule::kHorizon:
      return train.peak_learning_rate * std::sqrt(batch / train.reference_batch_tokens) *
             std::pow(train.reference_tokens / tokens, 0.3);
    default:
      return train.peak_learning_rate;
  }
}

}  // namespace crosslaw::sweep
