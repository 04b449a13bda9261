#include "trainer/repeated_pass.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <exception>

namespace crosslaw::trainer {
namespace {

// In the first ones cuBLAS and cuDNN choose their kernels and ask for memory.
constexpr int64_t kPassesBeforeRecording = 3;
constexpr int64_t kFewParameters = 100'000'000, kFewTokens = 70'000;
// Above this, a kernel takes longer than its launch whatever the batch.
constexpr int64_t kManyParameters = 1'000'000'000;

}  // namespace

bool recording_pays(int64_t parameters, int64_t batch_tokens) {
  return parameters < kFewParameters ||
         (batch_tokens <= kFewTokens && parameters < kManyParameters);
}

at::Tensor RepeatedPass::accumulate_gradients(Llama& model, const at::Tensor& tokens,
                                              double loss_scale) {
  if (recording_ && passes_ == 0)
    tokens_ = at::empty_like(tokens), loss_scale_ = loss_scale;  // the first one's shape
  const bool repeated =
      recording_ && tokens.sizes() == tokens_.sizes() && loss_scale == loss_scale_;
  if (!repeated || (!recorded() && passes_++ < kPassesBeforeRecording))
    return model.accumulate_gradients(tokens, loss_scale);
  if (!recorded() && !record(model, tokens)) return model.accumulate_gradients(tokens, loss_scale);
  tokens_.copy_(tokens);
  recording_->replay();
  // The next replay writes over it.
  return loss_.clone();
}

bool RepeatedPass::record(Llama& model, const at::Tensor& tokens) {
  tokens_.copy_(tokens);
  try {
    loss_ = recording_->record([&] { return model.accumulate_gradients(tokens_, loss_scale_); });
    return true;
  } catch (const std::exception& error) {
    // Speed alone is lost: nothing of the pass has run.
    if (say_)
      say_(fmt::format("the pass could not be recorded as a CUDA graph, going on without: {}",
                       error.what()));
    recording_.reset();
    return false;
  }
}

}  // namespace crosslaw::trainer
