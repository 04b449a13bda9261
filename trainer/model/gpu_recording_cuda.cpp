#include "trainer/model/gpu_recording.h"

#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace crosslaw::trainer {
namespace {

class CudaGraph final : public Recording {
 public:
  at::Tensor record(const std::function<at::Tensor()>& work) override {
    // The default stream cannot be recorded. What is queued on it must be done before: the recorded
    // work will run behind it.
    const c10::cuda::CUDAStream own = c10::cuda::getStreamFromPool();
    at::cuda::CUDAEvent before;
    before.record(c10::cuda::getCurrentCUDAStream());
    before.block(own);
    const c10::cuda::CUDAStreamGuard guard(own);
    // By thread: the checkpoint's thread may ask CUDA for memory meanwhile.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    at::Tensor result;
    try {
      result = work();
    } catch (...) {
      end_after_failure();
      throw;
    }
    graph_.capture_end();
    return result;
  }

  void replay() override { graph_.replay(); }

 private:
  // The stream must stop recording; that this fails, too, says nothing new.
  void end_after_failure() {
    try {
      graph_.capture_end();
    } catch (const std::exception&) {
    }
  }

  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<Recording> gpu_recording() { return std::make_unique<CudaGraph>(); }

}  // namespace crosslaw::trainer
