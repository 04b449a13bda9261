// The CUDA twins as plain C++. Their include of <cuda_runtime.h> finds the one in this folder.
#include "trainer/model/kernels/kernels_gpu.cu"

#include "tests/support/cuda_on_cpu/shared_memory.h"

namespace crosslaw::trainer::gpu {
float4 shared_memory[cuda_on_cpu::kSharedBytes / sizeof(float4)];
}

void* cuda_on_cpu::shared_memory() { return crosslaw::trainer::gpu::shared_memory; }
