#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "trainer/model/gpu_recording.h"
#include "trainer/model/llama.h"

namespace crosslaw::trainer {

// Forward and backward passes of one model over micro-batches, almost all of which have one shape:
// after a few of these the pass is recorded, and from then on replayed. Others run as they are.
class RepeatedPass {
 public:
  // `recording` may be empty: nothing is recorded. Where recording fails, `say` (may be empty)
  // tells why, and all runs go on as they are.
  explicit RepeatedPass(std::unique_ptr<Recording> recording,
                        std::function<void(const std::string&)> say = {})
      : recording_(std::move(recording)), say_(std::move(say)) {}

  // As Llama::accumulate_gradients: always of the same model.
  at::Tensor accumulate_gradients(Llama& model, const at::Tensor& tokens, double loss_scale);

  bool recorded() const { return loss_.defined(); }

 private:
  bool record(Llama& model, const at::Tensor& tokens);

  std::unique_ptr<Recording> recording_;
  std::function<void(const std::string&)> say_;
  at::Tensor tokens_;  // of the pass that is repeated, where the recording reads them
  at::Tensor loss_;    // where it leaves them; undefined until there is one
  double loss_scale_ = 0;
  int64_t passes_ = 0;  // of that shape
};

// Whether the host is the slower one: small models, or steps of few tokens.
bool recording_pays(int64_t parameters, int64_t batch_tokens);

}  // namespace crosslaw::trainer
