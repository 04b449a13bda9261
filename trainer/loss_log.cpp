#include "trainer/loss_log.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace crosslaw::trainer {
namespace {

constexpr int64_t kGpuStepsBetweenReads = 16;  // a handful of steps may be lost to a divergence
// Divergence without NaN: so many steps in a row with a loss above so many times log(vocabulary),
// which is the loss of a model that knows nothing.
constexpr int64_t kHopelessSteps = 20;
constexpr double kHopelessFactor = 2;

}  // namespace

LossLog::LossLog(const TrainConfig& config, std::function<void(const TrainLines&)> on_train)
    : on_train_(std::move(on_train)),
      steps_at_once_(config.execution.device == "cuda" ? kGpuStepsBetweenReads : 1),
      warmup_steps_(config.recipe.schedule.warmup_steps),
      hopeless_loss_(kHopelessFactor *
                     std::log(static_cast<double>(config.recipe.model.vocabulary))) {}

void LossLog::add(int64_t step, const at::Tensor& loss, const at::Tensor& gradient_norm) {
  if (waiting_.empty()) first_step_ = step;
  // One tensor of two numbers: both are fetched by the one copy in read().
  waiting_.push_back(at::stack({loss.to(at::kDouble), gradient_norm.to(at::kDouble)}));
  if (static_cast<int64_t>(waiting_.size()) >= steps_at_once_) read();
}

void LossLog::read() {
  if (waiting_.empty()) return;
  const at::Tensor values = at::stack(waiting_).to(at::kCPU);  // (steps, 2)
  waiting_.clear();
  if (lines_.loss_nats.empty()) lines_.first_step = first_step_;
  for (int64_t i = 0; i < values.size(0); ++i)
    judge(first_step_ + i, values[i][0].item<double>(), values[i][1].item<double>());
}

void LossLog::publish() {
  read();
  if (!lines_.loss_nats.empty() && on_train_) on_train_(lines_);
  lines_ = {};
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
