#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// The training losses of a run, each judged as soon as it is read. On a GPU a loss is copied beside
// the steps that follow and read two steps later, for reading it at once would wait for the GPU.
class LossLog {
 public:
  // `on_train` (may be empty) receives the losses of consecutive steps.
  LossLog(const TrainConfig& config, std::function<void(const TrainLines&)> on_train);

  // Mean loss of step `step` in nats a token and the norm of its gradient, each a tensor of one.
  // `requests`: how many ranks ask to stop and for a checkpoint, (2) fp64; empty for one rank.
  void add(int64_t step, const at::Tensor& loss, const at::Tensor& gradient_norm,
           const at::Tensor& requests = {});
  // Reads what waits and hands all to on_train, as one line.
  void publish();
  // A validation loss after `step` steps that is not finite is divergence, too.
  void judge_validation(int64_t step, const std::string& language, double loss_nats);

  int64_t unpublished() const { return static_cast<int64_t>(lines_.loss_nats.size()); }
  // What a rank asked for at the newest step that has been read.
  struct Requests {
    bool stop = false, checkpoint = false;
  };
  const Requests& requests() const { return requests_; }
  void answer_requests() { requests_ = {}; }
  bool diverged() const { return !divergence_.empty(); }
  const std::string& divergence() const { return divergence_; }  // what was found first

 private:
  // Loss and norm of a step, on their way to the host.
  struct Reading {
    int64_t step;
    at::Tensor numbers;                // (2 or 4) double, on the CPU once `copied` has come
    std::optional<c10::Event> copied;  // of a GPU
  };

  void read_down_to(size_t left);
  void judge(int64_t step, double loss, double norm);

  std::function<void(const TrainLines&)> on_train_;
  size_t steps_behind_;
  int64_t warmup_steps_;
  double hopeless_loss_;
  std::deque<Reading> waiting_;
  int64_t hopeless_ = 0;
  Requests requests_;
  TrainLines lines_;
  std::string divergence_;
};

}  // namespace crosslaw::trainer
