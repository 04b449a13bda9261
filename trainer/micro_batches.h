#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "trainer/gradient_exchange.h"
#include "trainer/model/llama.h"
#include "trainer/ranks/communicator.h"
#include "trainer/recipe/train_config.h"
#include "trainer/repeated_pass.h"
#include "trainer/text_stream.h"

namespace crosslaw::trainer {

// Memory is short whatever the micro-batch.
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The model, run over this rank's share of a batch or of a text in micro-batches that fit into
// memory: one that does not is halved, which gives the same loss but for rounding, and said. The
// share is one or more parts (Execution::gradient_parts). All throw OutOfMemory where not even one
// sequence fits.
class MicroBatches {
 public:
  // All must outlive it; `say` may be empty.
  MicroBatches(const TrainConfig& config, Parameters& parameters, Communicator& ranks,
               GradientExchange& exchange, std::function<void(const std::string&)> say);

  // The sum of the share's token losses in one step, (1) fp64; the gradient that they give to the
  // mean of the whole batch is in the parameters, or on its way to its owner.
  at::Tensor gradients(const TrainingText& text, int64_t step);
  // The sum over all ranks of the token losses of some windows of a text.
  double loss_sum(const ValidationText& text, std::span<const int64_t> windows);

  // Other work with the model, at most `sequences` at a time; done anew, with fewer, where memory
  // does not suffice. On this rank alone.
  void within_memory(const std::function<void(Llama& model, int64_t sequences)>& work);

  // Of a micro-batch, as far as they are known to fit.
  int64_t sequences() const { return sequences_; }
  KernelTarget target() const { return model_->target(); }

 private:
  at::Tensor gradients_of_parts(const TrainingText& text, int64_t step, int64_t first,
                                int64_t count);
  at::Tensor gradients_of_part(const TrainingText& text, int64_t step, int64_t part);
  at::Tensor loss_of_parts(const ValidationText& text, std::span<const int64_t> windows,
                           int64_t first, int64_t count);
  std::unique_ptr<RepeatedPass> new_pass() const;
  at::Tensor on_device(const at::Tensor& tokens) const;

  const TrainConfig& config_;
  const Recipe& recipe_;
  Parameters& parameters_;
  Communicator& ranks_;
  GradientExchange& exchange_;
  std::function<void(const std::string&)> say_;
  int64_t parts_, first_part_, own_parts_;  // of each batch; this rank's come together
  int64_t sequences_;
  std::unique_ptr<Llama> model_;        // on the same tensors
  std::unique_ptr<RepeatedPass> pass_;  // of that model
  bool proven_ = false;                 // it has done a step: memory suffices
};

}  // namespace crosslaw::trainer
