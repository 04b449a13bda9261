#include "trainer/micro_batches.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "trainer/model/gpu_device.h"
#include "trainer/out_of_memory.h"
#include "trainer/run_setup.h"

namespace crosslaw::trainer {
namespace {

// The left branch of a sum of `count` > 1 parts, pair by pair: ((0 + 1) + (2 + 3)) + ..., as the
// ranks add up theirs.
int64_t left_parts(int64_t count) {
  int64_t left = 1;
  while (2 * left < count) left *= 2;
  return left;
}

}  // namespace

MicroBatches::MicroBatches(const TrainConfig& config, Parameters& parameters, Communicator& ranks,
                           GradientExchange& exchange, std::function<void(const std::string&)> say)
    : config_(config),
      recipe_(config.recipe),
      parameters_(parameters),
      ranks_(ranks),
      exchange_(exchange),
      say_(std::move(say)),
      parts_(gradient_parts(config)),
      first_part_(parts_ / ranks.ranks() * ranks.rank()),
      own_parts_(parts_ / ranks.ranks()),
      sequences_(micro_batch_sequences(config)) {
  within_memory([](Llama&, int64_t) {});  // makes the model's buffers
}

void MicroBatches::within_memory(const std::function<void(Llama&, int64_t)>& work) {
  for (;;) {
    try {
      if (!model_) {
        const bool gpu = parameters_.weights.is_cuda();
        model_ = std::make_unique<Llama>(parameters_, recipe_.model, recipe_.context_tokens,
                                         sequences_, gpu ? Llama::Path::kGpu : Llama::Path::kCpu);
        pass_ = new_pass();
        proven_ = false;
      }
      return work(*model_, sequences_);
    } catch (const std::exception& error) {
      if (!is_out_of_memory(error)) throw;
      const std::string reason = plain_message(error);
      const auto half = halved_divisor(part_sequences(config_), sequences_);
      if (!half) throw OutOfMemory("not even one sequence at a time fits: " + reason);
      if (exchange_.under_way())
        throw OutOfMemory("while gradients were on their way to other ranks: " + reason);
      if (say_)
        say_(fmt::format("out of memory with micro-batches of {} sequences, going on with {}: {}",
                         sequences_, *half, reason));
      sequences_ = *half;
      // The old buffers go before the new ones are asked for.
      pass_.reset(), model_.reset();
      release_unused_gpu_memory();
    }
  }
}

at::Tensor MicroBatches::gradients(const TrainingText& text, int64_t step) {
  at::Tensor loss;
  within_memory([&](Llama&, int64_t) {
    exchange_.begin();
    loss = gradients_of_parts(text, step, first_part_, own_parts_);
  });
  proven_ = true;
  return loss.view({1});
}

at::Tensor MicroBatches::gradients_of_parts(const TrainingText& text, int64_t step, int64_t first,
                                            int64_t count) {
  if (count == 1) return gradients_of_part(text, step, first);
  const int64_t left = left_parts(count);
  const at::Tensor loss = gradients_of_parts(text, step, first, left);
  const at::Tensor gradients = parameters_.gradients.clone();
  const at::Tensor right = gradients_of_parts(text, step, first + left, count - left);
  parameters_.gradients.add_(gradients);
  return loss + right;
}

at::Tensor MicroBatches::gradients_of_part(const TrainingText& text, int64_t step, int64_t part) {
  const int64_t begin = recipe_.batch_sequences * part / parts_,
                end = recipe_.batch_sequences * (part + 1) / parts_;
  const at::Tensor tokens = on_device(text.batch(step, begin, end - begin));
  parameters_.gradients.zero_();
  // Of an only part the last pass sends gradients while it makes others; not before one step has
  // shown that memory suffices, for what is sent cannot be made anew.
  const bool sends = ranks_.ranks() > 1 && own_parts_ == 1 && proven_;
  // Each micro-batch contributes its sum of losses over the tokens of the whole batch, so that the
  // gradient is the batch's mean however it is cut.
  const double scale = 1.0 / static_cast<double>(recipe_.batch_tokens());
  at::Tensor loss;
  for (int64_t from = begin; from < end; from += sequences_) {
    const int64_t count = std::min(sequences_, end - from);
    std::function<void(int64_t)> layer_done;
    if (sends && from + count == end)
      layer_done = [this](int64_t layer) { exchange_.layer_done(layer); };
    const at::Tensor micro_batch = tokens.narrow(0, from - begin, count);
    const at::Tensor own = layer_done ? model_->accumulate_gradients(micro_batch, scale, layer_done)
                                      : pass_->accumulate_gradients(*model_, micro_batch, scale);
    loss = loss.defined() ? loss + own : own;
  }
  return loss;
}

double MicroBatches::loss_sum(const ValidationText& text, std::span<const int64_t> windows) {
  at::Tensor total;
  within_memory([&](Llama&, int64_t) {
    total = loss_of_parts(text, windows, first_part_, own_parts_).view({1});
  });
  ranks_.all_reduce(total);
  ranks_.finish();
  return total.item<double>();
}

at::Tensor MicroBatches::loss_of_parts(const ValidationText& text, std::span<const int64_t> windows,
                                       int64_t first, int64_t count) {
  if (count > 1) {
    const int64_t left = left_parts(count);
    return loss_of_parts(text, windows, first, left) +
           loss_of_parts(text, windows, first + left, count - left);
  }
  // In double and on the device: one read a language, whatever the micro-batch.
  at::Tensor total = at::zeros({}, parameters_.weights.options().dtype(at::kDouble));
  const auto all = static_cast<int64_t>(windows.size());
  const int64_t end = all * (first + 1) / parts_;
  for (int64_t from = all * first / parts_; from < end; from += sequences_) {
    const auto some = windows.subspan(static_cast<size_t>(from),
                                      static_cast<size_t>(std::min(sequences_, end - from)));
    total += model_->loss_sum(on_device(text.windows_of(some)));
  }
  return total;
}

std::unique_ptr<RepeatedPass> MicroBatches::new_pass() const {
  const bool records =
      parameters_.weights.is_cuda() && recording_pays(parameters_.count(), recipe_.batch_tokens());
  return std::make_unique<RepeatedPass>(records ? gpu_recording() : nullptr, say_);
}

// From pinned memory, or the copy would wait for the steps that are still under way.
at::Tensor MicroBatches::on_device(const at::Tensor& tokens) const {
  if (!parameters_.weights.is_cuda()) return tokens;
  return tokens.pin_memory().to(parameters_.weights.device(), tokens.scalar_type(), true);
}

}  // namespace crosslaw::trainer
