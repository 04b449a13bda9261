#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sweep/plan/plan.h"
#include "trainer/recipe/memory_model.h"

namespace crosslaw::sweep {

// How a size of a plan lies in the memory of its GPUs.
struct GpuFit {
  std::string size;
  int64_t params = 0;  // all of them
  int64_t gpus = 1;
  double card_gb = 0;
  // The largest micro-batch of one GPU, a divisor of its share of the batch; nothing: not even one
  // sequence fits.
  std::optional<int64_t> micro_batch_sequences;
  trainer::MemoryUse use;  // with that micro-batch, or with one sequence
};
// Each size once, on each number of GPUs of each memory, in the order of the plan.
std::vector<GpuFit> gpu_fits(const Plan& plan, const std::vector<int64_t>& gpus,
                             const std::vector<double>& cards_gb);

}  // namespace crosslaw::sweep
