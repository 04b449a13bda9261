#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <stdexcept>

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// The run cannot start as it was asked to; the message goes into result.json.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

at::ScalarType weight_type(const TrainConfig& config);

// The device that the attempt was promised. Throws Refused when it is not there.
at::Device open_device(const Execution& execution);

// Parts of a batch whose gradients are added up pair by pair (Execution::gradient_parts), and the
// sequences of the largest.
int64_t gradient_parts(const TrainConfig& config);
int64_t part_sequences(const TrainConfig& config);

// The largest divisor of a part that the memory allows; on a GPU that which is free once the
// weights and the optimizer's state lie there. On the CPU it depends on the recipe alone: another
// micro-batch adds up in another order, and a resumed run must give the same bits.
int64_t micro_batch_sequences(const TrainConfig& config);

}  // namespace crosslaw::trainer
