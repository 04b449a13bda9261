#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// The training losses of a run. They wait on the device and are read in groups, for reading one
// waits for the GPU; each is judged when it is read.
class LossLog {
 public:
  // `on_train` (may be empty) receives the losses of consecutive steps.
  LossLog(const TrainConfig& config, std::function<void(const TrainLines&)> on_train);

  // Mean loss of step `step` in nats a token and the norm of its gradient, each a tensor of one.
  void add(int64_t step, const at::Tensor& loss, const at::Tensor& gradient_norm);
  // Reads what waits and hands all to on_train, as one line.
  void publish();

  int64_t unpublished() const { return static_cast<int64_t>(lines_.loss_nats.size()); }
  bool diverged() const { return !divergence_.empty(); }
  const std::string& divergence() const { return divergence_; }  // what was found first

 private:
  void read();
  void judge(int64_t step, double loss, double norm);

  std::function<void(const TrainLines&)> on_train_;
  int64_t steps_at_once_, warmup_steps_;
  double hopeless_loss_;
  std::vector<at::Tensor> waiting_;
  int64_t first_step_ = 0, hopeless_ = 0;
  TrainLines lines_;
  std::string divergence_;
};

}  // namespace crosslaw::trainer
