#include "trainer/run_setup.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>

#include "trainer/model/gpu_device.h"
#include "trainer/recipe/memory_model.h"

namespace crosslaw::trainer {
namespace {

// Enough rows to keep the matrix products busy; more would only take memory.
constexpr int64_t kLargestCpuMicroBatchTokens = 8192;
// The rest is for the gaps that the caching allocator leaves.
constexpr double kGpuMemoryShare = 0.95;

}  // namespace

at::ScalarType weight_type(const TrainConfig& config) {
  const std::string& precision = config.recipe.precision;
  bool bf16 = precision == "bf16" || (precision == "auto" && config.execution.device == "cuda");
  return bf16 ? at::kBFloat16 : at::kFloat;
}

at::Device open_device(const Execution& execution) {
  if (execution.device != "cuda") {
    at::set_num_threads(static_cast<int>(execution.threads));
    return at::kCPU;
  }
  if (visible_gpus() < 1)
    throw Refused("a GPU was promised, none is visible (CUDA_VISIBLE_DEVICES, driver)");
  // By UUID, not by index: the numbers change with CUDA_VISIBLE_DEVICES and with a failed card.
  // Of several ranks the promise lists all.
  if (!execution.gpu_uuid.empty() && execution.gpu_uuid.find(gpu_uuid()) == std::string::npos) {
    throw Refused(
        fmt::format("GPU {} was promised, {} is visible", execution.gpu_uuid, gpu_uuid()));
  }
  execution.deterministic ? prefer_deterministic_attention() : prefer_cudnn_attention();
  return {at::kCUDA, 0};
}

int64_t gradient_parts(const TrainConfig& config) {
  return std::max(config.execution.gradient_parts, config.execution.ranks);
}

int64_t part_sequences(const TrainConfig& config) {
  const int64_t parts = gradient_parts(config);
  return (config.recipe.batch_sequences + parts - 1) / parts;
}

int64_t micro_batch_sequences(const TrainConfig& config) {
  const Recipe& recipe = config.recipe;
  const int64_t part = part_sequences(config);
  if (config.execution.micro_batch_sequences > 0) {
    int64_t asked = std::min(config.execution.micro_batch_sequences, part);
    // A divisor, so that all micro-batches weigh the same in the mean.
    while (part % asked != 0) --asked;
    return asked;
  }
  if (config.execution.device == "cuda") {
    const bool bf16 = weight_type(config) == at::kBFloat16;
    return largest_micro_batch_beside_states(
        {recipe.model, recipe.context_tokens, 1, config.execution.ranks, true, bf16}, part,
        kGpuMemoryShare * gpu_free_bytes());
  }
  int64_t sequences =
      std::clamp<int64_t>(kLargestCpuMicroBatchTokens / recipe.context_tokens, 1, part);
  while (part % sequences != 0) --sequences;
  return sequences;
}

}  // namespace crosslaw::trainer
