#include "trainer/recipe/memory_model.h"

#include <algorithm>

#include "trainer/recipe/model_cost.h"

namespace crosslaw::trainer {
namespace {

constexpr double kFloatBytes = 4, kBf16Bytes = 2, kTokenBytes = 8;
// 512 KiB of floats; 512 MiB of bf16.
constexpr int64_t kLogitsAtOnceCpu = int64_t{1} << 17;
constexpr int64_t kLogitsAtOnceGpu = int64_t{1} << 28;
constexpr int64_t kFewestHeadRows = 64;  // a product of fewer rows is slow
constexpr int64_t kHeadRowsUnit = 256;   // whole tiles of a product, on the GPU
// cuBLAS asks for 32 MiB a handle on Hopper; attention's and NCCL's own buffers come on top.
constexpr double kLibraryBytes = 256.0 * (1 << 20);
constexpr double kContextBytes = 1e9;  // of CUDA and its loaded kernels, before the first tensor
constexpr double kUsableShare = 0.95;  // the caching allocator's gaps

}  // namespace

int64_t head_rows(const ModelShape& s, int64_t rows, bool gpu) {
  const int64_t at_once = gpu ? kLogitsAtOnceGpu : kLogitsAtOnceCpu;
  int64_t fitting = at_once / s.vocabulary;
  if (gpu && fitting > kHeadRowsUnit) fitting -= fitting % kHeadRowsUnit;
  return std::clamp<int64_t>(fitting, std::min(rows, kFewestHeadRows), rows);
}

MemoryUse memory_use(const TrainingSetup& setup) {
  const ModelShape& s = setup.shape;
  const auto params = static_cast<double>(count_parameters(s).total());
  const int64_t rows_whole = setup.context_tokens * setup.micro_batch_sequences;
  const auto rows = static_cast<double>(rows_whole), layers = static_cast<double>(s.layers);
  const auto d = static_cast<double>(s.hidden), f = static_cast<double>(s.ffn);
  const auto heads = static_cast<double>(s.heads), vocabulary = static_cast<double>(s.vocabulary);
  const auto ranks = static_cast<double>(setup.ranks);
  const double element = setup.bf16 ? kBf16Bytes : kFloatBytes;
  // Both residual sums, both norm outputs, q, k, v, the attention output; both feed-forward
  // branches and their product.
  const auto queries = static_cast<double>(s.query_width()),
             qkv = static_cast<double>(s.qkv_width());
  // On the GPU the attention output is the one that attention itself keeps.
  const double row = element * (4 * d + qkv + 3 * f + (setup.gpu ? 0 : queries));
  MemoryUse use;
  use.weights = element * params;
  use.gradients = kFloatBytes * params;
  use.master = setup.bf16 ? kFloatBytes * params / ranks : 0;
  use.moments = 2 * kFloatBytes * params / ranks;
  // Beside them a 1/rms for each norm; on the CPU attention's log-sum-exp.
  use.layers = layers * rows * (row + 2 * kFloatBytes + (setup.gpu ? 0 : kFloatBytes * heads));
  // Final norm, what the branches add, and one gradient of each kind: as wide as a layer.
  use.passing = rows * (row + kFloatBytes + 3 * kTokenBytes) +
                kFloatBytes * static_cast<double>(setup.context_tokens * s.head_size()) +
                kFloatBytes * static_cast<double>(norm_scratch_rows(setup.gpu)) * d;
  use.logits = element * vocabulary * static_cast<double>(head_rows(s, rows_whole, setup.gpu)) +
               kFloatBytes * rows;
  if (!setup.gpu) return use;
  // Each layer's output and log-sum-exp are kept once more; backward returns three gradients.
  use.attention = layers * rows * (element * queries + kFloatBytes * heads) + element * rows * qkv;
  // Products are added where the gradients lie; for the look-up the tokens are sorted: keys,
  // places, and both once more while they are.
  use.weight_gradients = 4 * kTokenBytes * rows;
  use.libraries = kLibraryBytes;
  return use;
}

std::optional<int64_t> largest_micro_batch(TrainingSetup setup, int64_t rank_batch_sequences,
                                           double budget_bytes) {
  for (int64_t sequences = rank_batch_sequences; sequences >= 1; --sequences) {
    if (rank_batch_sequences % sequences != 0) continue;
    setup.micro_batch_sequences = sequences;
    if (memory_use(setup).total() <= budget_bytes) return sequences;
  }
  return std::nullopt;
}

int64_t largest_micro_batch_beside_states(const TrainingSetup& setup, int64_t rank_batch_sequences,
                                          double free_bytes) {
  const double budget_bytes = free_bytes + memory_use(setup).states();
  return largest_micro_batch(setup, rank_batch_sequences, budget_bytes).value_or(1);
}

double plannable_gpu_bytes(double card_bytes) {
  return std::max(0.0, kUsableShare * (card_bytes - kContextBytes));
}

}  // namespace crosslaw::trainer
