// Stands in for kernels_gpu.cu in a build without CUDA.
#include <stdexcept>

#include "trainer/model/kernels/kernels.h"

namespace crosslaw::trainer::gpu {
namespace {
[[noreturn]] void refuse() {
  throw std::runtime_error(
      "this crosslaw-train was built without CUDA; build it with nvcc to use a GPU");
}
}  // namespace

void rms_norm_forward(const KernelTarget&, const RmsNormForward&) { refuse(); }
void rms_norm_backward(const KernelTarget&, const RmsNormBackward&) { refuse(); }
void rotary(const KernelTarget&, const Rotary&) { refuse(); }
void swiglu_forward(const KernelTarget&, const SwiGlu&) { refuse(); }
void swiglu_backward(const KernelTarget&, const SwiGlu&) { refuse(); }
void cross_entropy(const KernelTarget&, const CrossEntropy&) { refuse(); }
void embedding_backward(const KernelTarget&, const EmbeddingBackward&) { refuse(); }
void adamw(const KernelTarget&, const AdamW&) { refuse(); }

}  // namespace crosslaw::trainer::gpu
