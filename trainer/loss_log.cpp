#include "trainer/loss_log.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace crosslaw::trainer {
namespace {

// So many steps are queued while the GPU works, so that it never waits for the next; and so many
// are lost to a divergence.
constexpr size_t kGpuStepsBehind = 2;
// Divergence without NaN: so many steps in a row with a loss above so many times log(vocabulary),
// which is the loss of a model that knows nothing.
constexpr int64_t kHopelessSteps = 20;
constexpr double kHopelessFactor = 2;

}  // namespace

LossLog::LossLog(const TrainConfig& config, std::function<void(const TrainLines&)> on_train)
    : on_train_(std::move(on_train)),
      steps_behind_(config.execution.device == "cuda" ? kGpuStepsBehind : 0),
      warmup_steps_(config.recipe.schedule.warmup_steps),
      hopeless_loss_(kHopelessFactor *
                     std::log(static_cast<double>(config.recipe.model.vocabulary))) {}

void LossLog::add(int64_t step, const at::Tensor& loss, const at::Tensor& gradient_norm,
                  const at::Tensor& requests) {
  // One tensor of all numbers: one copy fetches them.
  at::Tensor numbers = at::stack({loss.to(at::kDouble), gradient_norm.to(at::kDouble)});
  if (requests.defined()) numbers = at::cat({numbers, requests});
  Reading reading{step, numbers, {}};
  if (numbers.is_cuda()) {
    // Into pinned memory, else the copy would wait for all steps before it.
    reading.numbers =
        at::empty(numbers.sizes(), at::TensorOptions(at::kDouble).pinned_memory(true));
    reading.numbers.copy_(numbers, true);
    reading.copied.emplace(c10::DeviceType::CUDA);
    reading.copied->record(
        c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).getStream(numbers.device()));
  }
  waiting_.push_back(std::move(reading));
  read_down_to(steps_behind_);
}

void LossLog::read_down_to(size_t left) {
  for (; waiting_.size() > left; waiting_.pop_front()) {
    const Reading& first = waiting_.front();
    if (first.copied) first.copied->synchronize();
    if (lines_.loss_nats.empty()) lines_.first_step = first.step;
    const double* numbers = first.numbers.const_data_ptr<double>();
    judge(first.step, numbers[0], numbers[1]);
    if (first.numbers.numel() == 4) requests_ = {numbers[2] > 0, numbers[3] > 0};
  }
}

void LossLog::publish() {
  read_down_to(0);
  if (!lines_.loss_nats.empty() && on_train_) on_train_(lines_);
  lines_ = {};
}

void LossLog::judge_validation(int64_t step, const std::string& language, double loss_nats) {
  if (diverged() || std::isfinite(loss_nats)) return;
  const std::string when =
      step > 0 ? fmt::format("after step {}", step - 1) : "before the first step";
  divergence_ = fmt::format("{}: the validation loss of {} is {}", when, language, loss_nats);
}

void LossLog::judge(int64_t step, double loss, double norm) {
  lines_.loss_nats.emplace_back(loss);
  lines_.gradient_norm.emplace_back(norm);
  // The first finding stays: steps after it say nothing new.
  if (diverged()) return;
  // During warm-up a loss may overshoot and come back.
  hopeless_ = loss > hopeless_loss_ && step >= warmup_steps_ ? hopeless_ + 1 : 0;
  if (!std::isfinite(loss) || !std::isfinite(norm)) {
    divergence_ = fmt::format("step {}: loss {}, gradient norm {}", step, loss, norm);
  } else if (hopeless_ >= kHopelessSteps) {
    divergence_ = fmt::format("step {}: the loss has been above {:.3f} for {} steps", step,
                              hopeless_loss_, kHopelessSteps);
  }
}

}  // namespace crosslaw::trainer
