#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

namespace crosslaw::trainer {

// Work for a GPU that is queued once and repeated by one command: a CUDA graph. A small model's
// pass is a thousand launches, which the host gives more slowly than the GPU does them. An
// interface, for what repeats a pass is tested without a GPU, by a recording of the test's own.
class Recording {
 public:
  virtual ~Recording() = default;
  // Records what `work` queues on the current stream; nothing of it runs. `work` must not wait for
  // the GPU, and must have run before as it is, for libraries set themselves up then. What it reads
  // and writes stays at its place, its result too, which each replay overwrites. Once.
  virtual at::Tensor record(const std::function<at::Tensor()>& work) = 0;
  // Queues on the current stream what was recorded.
  virtual void replay() = 0;
};

// Nothing in a build without CUDA.
std::unique_ptr<Recording> gpu_recording();

}  // namespace crosslaw::trainer
