#include "trainer/recipe/step_time_model.h"

#include <algorithm>

#include "trainer/recipe/model_cost.h"

namespace crosslaw::trainer {
namespace {

// Shares of the peak, as an H200 reached them in training at six sizes from 49M to 5534M (kernel
// times by scripts/bench_gpu.py --profile). A bf16 product of 8192^3 random numbers reaches 0.79.
constexpr double kProductShare = 0.69;
constexpr double kAttentionShare = 0.33;  // cuDNN's, forward and backward, head size 128
constexpr double kSmallHeadShare = 0.78;  // of that with a head size of 64
constexpr int64_t kFullHeadSize = 128;
constexpr double kActivationShare = 0.84;  // norms, rotary embedding, gated unit
constexpr double kStreamShare = 0.85;      // plain streams over long buffers
// Cross-entropy moves its logits twice; its exponentials take as long as so many passes would.
constexpr double kLossPasses = 3.3;
constexpr double kLinkShare = 0.8;       // NCCL's ring inside a node
constexpr double kHiddenShare = 0.5;     // of the backward pass, beside which buckets travel
constexpr double kLaunchSeconds = 4e-6;  // one operation of ATen, on the host
constexpr double kBf16ValueBytes = 2, kFloatValueBytes = 4;
constexpr double kLaunchesALayer = 38, kLaunchesAMicroBatch = 40, kLaunchesAStep = 10;

// bf16 numbers that one token's activations read and write in one layer.
double moved_in_layer(double d, double queries, double qkv, double f) {
  const double norms = 2 * (4 * d + 4 * d);
  // Forward queries and keys, which are half of queries + qkv, are read and written; backward all
  // three gradients are, which attention leaves apart.
  const double rotary = queries + qkv + 2 * qkv;
  const double gated = 3 * f + 5 * f;
  return norms + rotary + gated;
}

}  // namespace

StepTime step_time(const TrainingSetup& setup, int64_t batch_sequences, const GpuSpeed& gpu) {
  const ModelShape& s = setup.shape;
  const ParameterCount count = count_parameters(s);
  const auto params = static_cast<double>(count.total());
  const auto d = static_cast<double>(s.hidden), f = static_cast<double>(s.ffn);
  const auto queries = static_cast<double>(s.query_width()),
             qkv = static_cast<double>(s.qkv_width());
  const auto layers = static_cast<double>(s.layers), vocabulary = static_cast<double>(s.vocabulary);
  const auto context = static_cast<double>(setup.context_tokens);
  const auto ranks = static_cast<double>(setup.ranks);
  const double tokens = static_cast<double>(batch_sequences) * context / ranks;
  const double micro_batches =
      tokens / (context * static_cast<double>(setup.micro_batch_sequences));
  StepTime time;
  time.products_seconds = 6 * (static_cast<double>(count.blocks) + vocabulary * d) * tokens /
                          (kProductShare * gpu.matrix_flops);
  const double head = s.head_size() >= kFullHeadSize ? 1 : kSmallHeadShare;
  time.attention_seconds =
      6 * layers * queries * context * tokens / (head * kAttentionShare * gpu.matrix_flops);
  // Embedding and final norm touch ten rows.
  const double moved =
      layers * moved_in_layer(d, queries, qkv, f) + kLossPasses * vocabulary + 10 * d;
  time.activations_seconds =
      kBf16ValueBytes * moved * tokens / (kActivationShare * gpu.memory_bytes_a_second);
  // Each product ends with reading and writing its fp32 sum; so does the look-up's gradient.
  time.weight_gradients_seconds =
      micro_batches * 2 * kFloatValueBytes * params / (kStreamShare * gpu.memory_bytes_a_second);
  // AdamW reads four numbers and writes three and the weight; gradients are zeroed and measured.
  time.optimizer_seconds =
      ((7 * kFloatValueBytes + kBf16ValueBytes) * params / ranks + 2 * kFloatValueBytes * params) /
      (kStreamShare * gpu.memory_bytes_a_second);
  const double link = kLinkShare * gpu.link_bytes_a_second, others = (ranks - 1) / ranks;
  // Gradients travel beside the last micro-batch's backward pass, two thirds of its work.
  const double beside =
      kHiddenShare * (time.products_seconds + time.attention_seconds + time.activations_seconds) *
      2 / 3 / std::max(1.0, micro_batches);
  time.communication_seconds = std::max(0.0, others * kFloatValueBytes * params / link - beside) +
                               others * kBf16ValueBytes * params / link;
  const double launches =
      micro_batches * (layers * kLaunchesALayer + kLaunchesAMicroBatch) + kLaunchesAStep;
  time.waiting_seconds = std::max(0.0, kLaunchSeconds * launches - time.total());
  return time;
}

double flops_utilisation(const TrainingSetup& setup, int64_t batch_sequences, const GpuSpeed& gpu,
                         double step_seconds) {
  const double tokens = static_cast<double>(batch_sequences * setup.context_tokens);
  return training_flops_per_token(setup.shape, setup.context_tokens) * tokens /
         (static_cast<double>(setup.ranks) * gpu.matrix_flops * step_seconds);
}

}  // namespace crosslaw::trainer
