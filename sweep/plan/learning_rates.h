#pragma once

#include <cstdint>

#include "sweep/spec/spec.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

// The peak of a run's learning rate by the spec's rule. N: parameters without embeddings; B: tokens
// of a batch; T: tokens of the run, replay included.
//   constant     peak_learning_rate at every size, as arXiv:2407.02118 trains
//   over-hidden  learning_rate_times_hidden / hidden, what muP derives for matrices
//                (arXiv:2203.03466)
//   step-law     learning_rate_factor 1.79 N^-0.713 T^0.307 (arXiv:2503.04715, equation 1)
//   horizon      peak_learning_rate sqrt(B / B0) (T0 / T)^0.3, with the reference B0 and T0 (the
//                rule of Marin's Delphi ladder)
double peak_learning_rate(const TrainingSpec& train, const trainer::ModelShape& shape,
                          int64_t batch_tokens, int64_t steps);

}  // namespace crosslaw::sweep
